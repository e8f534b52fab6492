"""The index in a process of its own: what the contract of all indexes does not say."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import ConditionError, Refused, ShoplensError, StoreError
from shoplens.index.condition_parser import parse_condition
from shoplens.index.process.remote_index import RemoteIndex
from shoplens.index.protocol import IndexedProduct, VectorSizes
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.types import Photo, Product

SIZES = VectorSizes(4)


def entry(number: int) -> IndexedProduct:
    product = Product(id=f"p{number}", title=f"Product {number}", photos=(f"{number}.jpg",))
    photo = Photo(f"{number}.jpg", f"{number:032x}", f"{number + 1000:032x}", 10, 10)
    vector = np.random.default_rng(number).normal(size=(1, 4)).astype(np.float32)
    return IndexedProduct(product, (photo,), vector / np.linalg.norm(vector))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[RemoteIndex]:
    index = RemoteIndex(tmp_path / "shard", SIZES)
    index.upsert([entry(number) for number in range(5)])
    yield index
    index.close()


def test_a_process_that_was_killed_is_started_again_with_all_that_was_written(index: RemoteIndex) -> None:
    os.kill(index._process.pid, signal.SIGKILL)
    assert sorted(index.ids()) == [f"p{number}" for number in range(5)]
    os.kill(index._process.pid, signal.SIGKILL)
    assert index.count() == 5


def test_a_write_to_a_killed_process_is_repeated(index: RemoteIndex) -> None:
    written = list[str]()
    index.on_write = written.extend
    os.kill(index._process.pid, signal.SIGKILL)
    index.upsert([entry(5)])
    assert (index.count(), written) == (6, ["p5"])


def test_an_error_of_the_index_arrives_as_it_is(index: RemoteIndex) -> None:
    with pytest.raises(ConditionError) as error:
        index.count(parse_condition("colour = red"))
    assert error.value.code == "unknown-field" and "colour" in error.value.problem
    assert index.count() == 5


def test_a_stranger_without_the_key_disturbs_nobody(index: RemoteIndex) -> None:
    process = index._process.pid
    with pytest.raises(AuthenticationError):
        Client(index._address, authkey=b"guess")
    other = RemoteIndex._connect(index)
    other.close()
    assert (index.count(), index._process.pid) == (5, process)


def test_a_caller_may_stop_reading_a_stream(index: RemoteIndex) -> None:
    stream = index.entries()
    first = next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert first.product.id in set(index.ids())


def test_a_shard_of_another_process_is_refused(index: RemoteIndex) -> None:
    with pytest.raises(StoreError) as error:
        RemoteIndex(index._setup.folder, SIZES)
    assert error.value.code == "store-in-use"


def test_calls_after_closing_are_refused(tmp_path: Path) -> None:
    index = RemoteIndex(tmp_path / "shard", SIZES)
    process = index._process
    index.close()
    index.close()
    assert process.poll() == 0
    with pytest.raises(StoreError) as error:
        index.count()
    assert error.value.code == "closed-store"


def test_a_remembered_size_is_forgotten_when_a_product_is_written(index: RemoteIndex) -> None:
    assert index.has_photo_size(10, 10) and not index.has_photo_size(10, 20)
    wide = entry(5)
    index.upsert([replace(wide, photos=(replace(wide.photos[0], height=20),))])
    assert index.has_photo_size(10, 20)


def test_the_shard_is_free_soon_after_its_owner_was_killed(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from shoplens.index.process.remote_index import RemoteIndex
        from shoplens.index.protocol import VectorSizes
        index = RemoteIndex(Path(sys.argv[1]), VectorSizes(4))
        print(index._process.pid, flush=True)
        time.sleep(60)
    """)
    command = [sys.executable, "-c", program, str(tmp_path / "shard")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None and owner.stdout.readline().strip().isdigit()
        owner.kill()
    end = time.monotonic() + 20
    while True:
        try:
            QdrantIndex(tmp_path / "shard", SIZES).close()
            return
        except StoreError as problem:
            assert problem.code == "store-in-use" and time.monotonic() < end
            time.sleep(0.02)


@pytest.mark.parametrize(
    "error", [StoreError("It is full.", "Make room.", code="disk"), Refused("No.", "Ask.", problems=[])]
)
def test_errors_survive_pickling(error: ShoplensError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.__dict__) == (type(error), str(error), error.__dict__)
