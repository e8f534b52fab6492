"""A folder in the layout of the Hugging Face hub -> a model that ``--model NAME`` finds: its files, and a card."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from shoplens.embedders import OnnxEmbedder, embed_photos
from shoplens.embedders.card import FINDERS, Pool
from shoplens.embedders.sessions import explain_failure, open_session
from shoplens.embedders.shipped import NETWORKS as SHIPPED
from shoplens.errors import InvalidValue, ModelError
from shoplens.index.disk_room import require_room
from shoplens.models.folder import ADDING, put_in_place, refuse_if_added
from shoplens.models.layout import choose_files
from shoplens.models.licences import check_licence, licence_of_readme
from shoplens.models.outputs import choose_output
from shoplens.models.processor import card_keys
from shoplens.models.text_tower import describe_tower

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_TIMED_PASSES = 5
FINDER = FINDERS[-1]
"""Network that finds the object for added models, which have no mask of their own."""


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A folder with a model.

    Attributes:
        folder: it has the layout of a repository of the hub.
        place: where the model is from, for people: a repository or a folder.
        name: its name, unless a person gives another; empty for the last part of its place.
        revision: commit of the repository; empty for a folder.
        licence: as the registry or the hub names it; empty to read it from README.md.
        hashes: SHA-256 that files must have, by their path in the folder.
        notes: further keys of the card, for people.
        text: keys of the part ``text`` of the card that its files do not say, such as the scale of the logits.
        processor: keys of the card that say how photos are prepared; empty to read them from its files.
    """

    folder: Path
    place: str
    revision: str = ""
    licence: str = ""
    hashes: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    text: Mapping[str, Any] = field(default_factory=dict)
    processor: Mapping[str, Any] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Return the paths of all files in the folder, relative to it."""
        return [path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()]


@dataclass(frozen=True, slots=True)
class AddOptions:
    """What a person decides about a model that is added.

    Attributes:
        name: its name for ``--model``; empty for the last part of its place.
        variant: such as ``int8``; empty for float32.
        output, pool: the output that is the vector, and its pooling; empty chooses them.
        accept_licence: whether a licence with limits is accepted.
        replace: whether a model of this name is replaced.
        text: whether its text tower is added, too, where it has one.
    """

    name: str = ""
    variant: str = ""
    output: str = ""
    pool: Pool = ""
    accept_licence: bool = False
    replace: bool = False
    text: bool = True


@dataclass(frozen=True, slots=True)
class AddedModel:
    """A model that was added.

    Attributes:
        path: its ONNX file, with the card beside it.
        model: its id.
        card: the card, as it was written.
    """

    name: str
    path: Path
    model: str
    card: Mapping[str, Any]


def add_model(source: ModelSource, options: AddOptions, models: Path) -> AddedModel:
    """Copy the files of a model to a folder of its own in ``models``, and write its card.

    Raises:
        InvalidValue: ``bad-model-name``.
        ModelError: the folder has no network, or none that gives a vector of a photo; ``licence-refused``;
            ``model-exists``; ``wrong-hash``.
    """
    name = model_name(source, options)
    target = models / name
    if not options.replace:
        refuse_if_added(models, name)
    files = choose_files(source.names(), source.place, options.variant, text=options.text)
    licence = source.licence or licence_of_readme(source.folder / "README.md")
    check_licence(licence, source.place, accepted=options.accept_licence)
    require_room(models, sum((source.folder / one).stat().st_size for one in files.all))
    models.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=models, prefix=ADDING) as folder:
        made = Path(folder) / name
        made.mkdir()
        hashes = _copy_files(source, (files.network, *files.weights), made)
        network = made / Path(files.network).name
        card = _describe(network, source, options)
        if files.text:
            text_hashes = _copy_files(source, (files.text, *files.text_weights, files.tokenizer), made)
            family, text = read_family(source.folder), Path(files.text).name
            tower = describe_tower(source.folder, text, made, card["dimensions"], family, source.text)
            card["text"] = {**tower, "files": text_hashes}
        card |= {"name": name, "licence": licence or "not named", "source": source.place, "revision": source.revision}
        card |= {**source.notes, "files": hashes}
        embedder = _save_and_try(network, card)
        put_in_place(made, models, replace=options.replace)
    return AddedModel(name, target / network.name, embedder.model, card)


def model_name(source: ModelSource, options: AddOptions) -> str:
    """Return the name that the model gets.

    Raises:
        InvalidValue: ``bad-model-name``: it cannot be one, or is that of a network in the package.
    """
    name = options.name or source.name or source.place.rstrip("/").rpartition("/")[2].lower().removesuffix("-onnx")
    if not _NAME.fullmatch(name) or name in SHIPPED:
        raise InvalidValue(
            f"A model cannot be called {name!r}.",
            "Give a `--name` of small letters, digits, points and hyphens that is none of a network in the package.",
            code="bad-model-name",
        )
    return name


def _copy_files(source: ModelSource, names: Sequence[str], target: Path) -> dict[str, str]:
    """Copy files of the source, and return their SHA-256 by their names.

    Raises:
        ModelError: ``wrong-hash``.
    """
    hashes = {}
    for name in names:
        copy = target / Path(name).name
        shutil.copyfile(source.folder / name, copy)
        hashes[copy.name] = check_hash(source, name, copy)
    return hashes


def check_hash(source: ModelSource, name: str, path: Path) -> str:
    """Return the SHA-256 of a file of the source.

    Raises:
        ModelError: ``wrong-hash``: the source names another one.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if source.hashes.get(name, found) != found:
        raise ModelError(
            f"{name} of {source.place} has the SHA-256 {found}, not {source.hashes[name]}.",
            "Delete it from the cache of the hub, and run the command again.",
            code="wrong-hash",
        )
    return found


def _describe(network: Path, source: ModelSource, options: AddOptions) -> dict[str, Any]:
    """Return the keys of the card that the configuration and the graph of the network say."""
    processor, family = read_processor(source), read_family(source.folder)
    session = _open(network, source.place)
    photo_input = _photo_input(session, source.place)
    _check_side(photo_input, card_side=processor["side"], place=source.place)
    layout = "NHWC" if photo_input.shape[-1] == 3 else "NCHW"
    dtype = {"tensor(float16)": "float16", "tensor(uint8)": "uint8"}.get(photo_input.type, "float32")
    card: dict[str, Any] = {**processor, "layout": layout, "dtype": dtype, "input": photo_input.name}
    shapes = {one.name: one.shape for one in session.get_outputs()}
    output, pool = (options.output, options.pool) if options.output else choose_output(shapes, family)
    if output not in shapes:
        raise ModelError(
            f"The network has no output {output!r}.", f"There are: {', '.join(shapes)}.", code="unfit-output"
        )
    card |= {"output": output, "pool": pool, "family": family, "finder": FINDER, "cuts": read_cuts(source.folder)}
    shape = (1, card["side"], card["side"], 3) if layout == "NHWC" else (1, 3, card["side"], card["side"])
    try:
        values = session.run([output], {photo_input.name: np.zeros(shape, dtype)})[0]
    except Exception as problem:  # onnxruntime's own exceptions share no public base
        raise ModelError(
            f"The network of {source.place} cannot take {dtype} {shape}: {explain_failure(problem)}.",
            "See that preprocessor_config.json belongs to this network; or write the card yourself.",
        ) from None
    card["dimensions"] = int(values.shape[1] if values.ndim == 4 else values.shape[-1])
    return card


def read_processor(source: ModelSource) -> dict[str, Any]:
    """Return the keys of a card that say how photos are prepared.

    Raises:
        ModelError: ``not-an-image-model``: no file says it; or as :func:`~shoplens.models.processor.card_keys`.
    """
    if source.processor:
        return dict(source.processor)
    for name in ("preprocessor_config.json", "processor_config.json"):
        config = _read_json(source.folder / name) if (source.folder / name).is_file() else {}
        config = config.get("image_processor", config)
        if config:
            return card_keys(config)
    raise ModelError(
        f"{source.place} has no preprocessor_config.json, which says how photos are prepared.",
        "If it is a model of photos, put the file of the original model beside it; or write the card yourself "
        "(docs/models.md).",
        code="not-an-image-model",
    )


def read_family(folder: Path) -> str:
    """Return ``model_type`` of config.json; empty where nothing says it."""
    return str(read_config(folder).get("model_type") or "")


def read_config(folder: Path) -> dict[str, Any]:
    """Return config.json; nothing where there is none."""
    path = folder / "config.json"
    return _read_json(path) if path.is_file() else {}


def read_cuts(folder: Path) -> list[int]:
    """Return the lengths to which vectors may be cut, as config.json names them; none where it names none."""
    config = read_config(folder)
    cuts = config.get("matryoshka_dimensions") or config.get("matryoshka_dims") or ()
    return sorted(one for one in cuts if isinstance(one, int) and one > 0) if isinstance(cuts, list) else []


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError as problem:
        raise ModelError(f"{path} is not JSON: {problem}.", "Download the model again.") from None
    if not isinstance(content, dict):
        raise ModelError(f"{path} is no JSON object.", "Download the model again.")
    return content


def _open(network: Path, place: str) -> Any:
    """Open the copy of a network; errors name where it is from."""
    try:
        return open_session(str(network), 1)
    except ModelError as problem:
        text = problem.problem.replace(str(network), f"{network.name} of {place}")
        raise ModelError(text, problem.fix, code=problem.code) from None


def _check_side(photo_input: Any, card_side: int, place: str) -> None:
    """Refuse a network that takes photos of another size than its file says.

    Raises:
        ModelError: ``unfit-output``.
    """
    fixed = [side for side in photo_input.shape[1:] if isinstance(side, int) and side > 3]
    if any(side != card_side for side in fixed):
        raise ModelError(
            f"The network of {place} takes photos of {' x '.join(map(str, fixed))} pixels, and its "
            f"preprocessor_config.json makes them {card_side} x {card_side}.",
            "See that the file belongs to this network; or write the card yourself (docs/models.md).",
            code="unfit-output",
        )


def _photo_input(session: Any, place: str) -> Any:
    """Return the only input of a network of photos.

    Raises:
        ModelError: ``not-an-image-model``.
    """
    inputs = session.get_inputs()
    if len(inputs) == 1 and len(inputs[0].shape) == 4:
        return inputs[0]
    listing = ", ".join(f"{one.name} {list(one.shape)}" for one in inputs)
    raise ModelError(
        f"The network of {place} does not take photos alone: {listing}.",
        "Choose the file of its vision tower by `--variant`, a repository that has vision_model.onnx, or `--export`.",
        code="not-an-image-model",
    )


def _save_and_try(network: Path, card: dict[str, Any]) -> OnnxEmbedder:
    """Write the card, embed drawn pixels, add the CPU time of a pass to the card, and return the opened model."""
    path = network.with_suffix(".json")
    path.write_text(json.dumps(card, indent=2) + "\n", "utf-8")
    embedder = OnnxEmbedder(network)
    photo = np.random.default_rng(0).integers(0, 256, (card["side"], card["side"], 3), dtype=np.uint8)
    embed_photos(embedder, ["drawn"], [photo])
    seconds = []
    for _ in range(_TIMED_PASSES):
        start = time.thread_time()
        embedder.embed([photo])
        seconds.append(time.thread_time() - start)
    card["cpu_ms"] = round(1000 * float(np.median(seconds)), 1)
    card["cpu"] = platform.processor() or platform.machine()
    path.write_text(json.dumps(card, indent=2) + "\n", "utf-8")
    return embedder
