"""The demonstration, on a drawn shop and on a tiny export that looks like the real one."""

import csv
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from shoplens.demo import (
    LUMA,
    MARKER,
    SAMPLE_FEED,
    SAMPLE_MEDIA,
    SEARCHES,
    SHOWN,
    Demo,
    _claim,
    _clone_sample_data,
    run_demo,
)
from shoplens.errors import Refused
from shoplens.feeds import read_feed
from shoplens.settings import Settings
from shoplens.types import Product
from tests.fakes import photo

COLUMNS = [  # of the export, those that matter here
    "sku",
    "product_type",
    "name",
    "base_image",
    "additional_attributes",
    "configurable_variations",
    "additional_images",
]


def checked(demo: Demo, folder: Path) -> None:
    assert len(demo.searches) == SEARCHES
    assert all(search.expected is not None and search.answer.results for search in demo.searches)
    for search in demo.searches:
        ranks = [r.rank for r in search.answer.results if r.product.id == search.expected.id]  # type: ignore[union-attr]
        assert search.expected_rank == (ranks[0] if ranks else None)
        assert not any(result.same_photo for result in search.answer.results)
    page = demo.report.read_text("utf-8")
    assert page.count("<section>") == SEARCHES
    first, shown = found(demo)
    assert f"{first} found at rank 1, {shown} among the first {SHOWN}." in page
    assert demo.report == folder / "report.html"


def found(demo: Demo) -> tuple[int, int]:
    """How many searches find their product first, and how many show it at all."""
    ranks = [search.expected_rank for search in demo.searches]
    return ranks.count(1), sum(rank is not None for rank in ranks)


def test_the_demonstration_with_a_rendered_shop(tmp_path: Path) -> None:
    said: list[str] = []
    demo = run_demo(tmp_path, Settings(), rendered=24, say=said.append)
    checked(demo, tmp_path)
    assert demo.summary.products == 24
    assert any("rendered" in text for text in said)
    first, shown = found(demo)
    assert first >= 7 and shown >= 11  # of 12; chance would find one product of 24
    plain = [search.expected_rank for search in demo.searches if search.how == "plain"]
    assert plain == [1, 1, 1]


def test_the_demonstration_uses_a_real_export_if_there_is_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    media = data / LUMA.parent / "media"
    media.mkdir(parents=True)
    rng = np.random.default_rng(0)
    with (data / LUMA).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for number in range(20):
            names = [f"/{number}_main.png", f"/{number}_back.png"]
            for name in names:
                red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
                photo(media / name[1:], (red, green, blue), (60, 80))
            row = {"sku": f"P{number}", "product_type": "simple", "name": f"Product {number}"}
            writer.writerow({**row, "base_image": names[0], "additional_images": names[1]})
    said: list[str] = []
    demo = run_demo(tmp_path / "demo", Settings(data=data), say=said.append)
    checked(demo, tmp_path / "demo")
    assert any("Luma" in text for text in said)
    kinds = [search.how for search in demo.searches]
    assert kinds == ["another view"] * 6 + ["phone photo"] * 6
    assert demo.summary.photos == 40 - 6  # the other views were held out
    with read_feed(tmp_path / "demo/catalogue.jsonl", media=media) as feed:
        products = [item for item in feed if isinstance(item, Product)]
    for search in demo.searches:
        assert search.expected is not None
        name = f"{search.expected.id[1:]}_back.png" if search.how == "another view" else f"{search.expected.id}.jpg"
        assert Path(search.answer.source).name == name
    held_out = {search.answer.source for search in demo.searches[:6]}
    assert held_out.isdisjoint(source for product in products for source in product.photos)
    assert len((tmp_path / "demo/catalogue.jsonl").read_text("utf-8").splitlines()) == 20
    assert json.loads((tmp_path / "demo/catalogue.jsonl").read_text("utf-8").splitlines()[0])["id"] == "P0"


def test_a_folder_or_file_of_something_else_is_refused_and_unchanged(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Refused, match="was not made by the demonstration") as caught:
        run_demo(tmp_path, Settings(), rendered=24)
    assert "--out" in caught.value.fix and [one.name for one in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(Refused, match=r"mine\.txt was not made by the demonstration"):
        run_demo(tmp_path / "mine.txt", Settings(), rendered=24)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_new_an_empty_and_an_earlier_folder_are_used(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "new" / "one", tmp_path / "empty"):
        _claim(folder)
        (folder / "report.html").touch()
        _claim(folder)
        assert sorted(one.name for one in folder.iterdir()) == [MARKER, "report.html"]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_sample_data_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    sample = tmp_path / "remote"
    feed, media = sample / SAMPLE_FEED / "products.csv", sample / SAMPLE_MEDIA / "a.jpg"
    target = tmp_path / "demo" / "sample-data"
    target.mkdir(parents=True)  # what an earlier, interrupted attempt left
    for file, expected in ((feed, None), (media, target)):
        file.parent.mkdir(parents=True)
        file.write_text("x")
        for step in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
            git = ["git", "-C", str(sample), "-c", "user.name=x", "-c", "user.email=x@shop.example"]
            subprocess.run([*git, *step], check=True, capture_output=True)
        assert _clone_sample_data(target, lambda text: None, sample.as_uri()) == expected
        assert list(target.parent.iterdir()) == ([target] if expected else [])
    assert (target / SAMPLE_FEED / "products.csv").is_file() and (target / SAMPLE_MEDIA / "a.jpg").is_file()
    shutil.rmtree(sample)
    assert _clone_sample_data(target, lambda text: None, sample.as_uri()) == target  # nothing is fetched again
