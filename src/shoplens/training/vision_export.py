"""A model of `transformers` with weights of torch -> an ONNX network of its photos, which is checked against torch.

Only weights in safetensors are read, and no code of a repository is run.
"""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.embedders.onnx import open_session
from shoplens.errors import InvalidValue, ModelError
from shoplens.models.add import AddedModel, AddOptions, ModelSource, add_model, check_hash, read_family, read_processor
from shoplens.models.layout import CONFIGURATIONS, choose_weights
from shoplens.models.sources import find_source

INSTALL_COMMAND = "pip install 'shoplens[export]'"
NETWORK = "onnx/vision_model.onnx"
OPSET = 17
LARGEST_DIFFERENCE = 1e-4
"""Between a number of a unit vector by torch and by ONNX Runtime."""
_CHECKED_PHOTOS = 3
Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class VisionTower:
    """How the network for photos of a family is read.

    Attributes:
        model_class: class of `transformers` that reads the tower out of the weights of the whole model.
        output: the output that is, or holds, the vector.
        unused: first parts of the names of weights that the output does not need, which files may lack.
    """

    model_class: str
    output: str
    unused: tuple[str, ...] = ()


_CLIP = VisionTower("CLIPVisionModelWithProjection", "image_embeds")
_SIGLIP = VisionTower("SiglipVisionModel", "pooler_output")
_TOKENS = VisionTower("AutoModel", "last_hidden_state", ("pooler.",))
_POOLED = VisionTower("AutoModel", "pooler_output")
TOWERS: Mapping[str, VisionTower] = {
    "clip": _CLIP,
    "clip_vision_model": _CLIP,
    "siglip": _SIGLIP,
    "siglip_vision_model": _SIGLIP,
    "dinov2": _TOKENS,
    "dinov2_with_registers": _TOKENS,
    "dinov3_vit": _TOKENS,
    "vit": _TOKENS,
    "deit": _TOKENS,
    "convnext": _POOLED,
    "convnextv2": _POOLED,
    "mobilenet_v1": _POOLED,
    "mobilenet_v2": _POOLED,
    "mobilevit": _POOLED,
}
"""``model_type`` in config.json -> its tower."""


def add_exported_model(text: str, options: AddOptions, models: Path) -> AddedModel:
    """Find a model as :func:`~shoplens.models.sources.find_source` does, export it, and add it.

    Raises:
        InvalidValue: ``no-export``: the extra `export` is not installed; or as ``find_source``.
        ModelError: ``unknown-family``; ``missing-weights``; ``export-differs``; or as these two functions.
        Refused: ``licence-refused``.
    """
    _import_libraries()
    source = find_source(text, options, exports=True)
    with TemporaryDirectory(prefix="shoplens-export-") as folder:
        exported = export_source(source, Path(folder))
        return add_model(exported, replace(options, variant=""), models)


def export_source(source: ModelSource, target: Path) -> ModelSource:
    """Write the network of photos of a model to a folder in the hub's layout.

    Args:
        source: a folder with config.json, preprocessor_config.json and model.safetensors.
        target: an empty folder.

    Raises:
        InvalidValue, ModelError: as :func:`add_exported_model`.
    """
    torch, transformers = _import_libraries()
    files = choose_weights(source.names(), source.place)
    for name in files:
        check_hash(source, name, source.folder / name)
    family, side = read_family(source.folder), int(read_processor(source)["side"])
    tower = TOWERS.get(family)
    if tower is None:
        raise ModelError(
            f"{source.place} is a model of the family {family!r}, which cannot be exported.",
            f"There are: {', '.join(TOWERS)}. Export another one yourself, and write a card (docs/models.md).",
            code="unknown-family",
        )
    (target / NETWORK).parent.mkdir(parents=True)
    for name in CONFIGURATIONS:
        if (source.folder / name).is_file():
            shutil.copyfile(source.folder / name, target / name)
    with _quiet():
        model = _load_tower(transformers, torch, source, tower)
        difference = _export(torch, model, tower.output, side, target / NETWORK)
    if not difference <= LARGEST_DIFFERENCE:
        raise ModelError(
            f"The vectors of the exported network differ from those of torch by up to {difference:.1e}.",
            f"At most {LARGEST_DIFFERENCE:g} is accepted; report the model, or export it yourself.",
            code="export-differs",
        )
    notes = {
        "exported_by": f"transformers {transformers.__version__}, torch {torch.__version__}",
        "export_difference": difference,
    }
    return replace(source, folder=target, hashes={}, notes=notes)


def _load_tower(transformers: Any, torch: Any, source: ModelSource, tower: VisionTower) -> Any:
    """Read the tower.

    Raises:
        ModelError: ``missing-weights``.
    """
    model_class = getattr(transformers, tower.model_class)
    try:
        whole = transformers.AutoConfig.from_pretrained(source.folder, local_files_only=True, trust_remote_code=False)
        config = getattr(whole, "vision_config", whole)
        if hasattr(whole, "projection_dim"):
            config.projection_dim = whole.projection_dim
        model, loading = model_class.from_pretrained(
            source.folder,
            config=config,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            attn_implementation="eager",
            output_loading_info=True,
        )
    except Exception as problem:  # those of safetensors share no public base with others
        raise ModelError(
            f"transformers cannot read {source.place}: {str(problem).splitlines()[0]}",
            "See that config.json and model.safetensors belong together.",
        ) from None
    missing = sorted(name for name in loading["missing_keys"] if not name.startswith(tower.unused or ("\0",)))
    if missing:
        raise ModelError(
            f"The weights of {source.place} lack {len(missing)} tensors, such as {missing[0]}.",
            "Choose the weights of the whole model; its vectors would be random.",
            code="missing-weights",
        )
    return model.eval()


def _export(torch: Any, model: Any, output: str, side: int, path: Path) -> float:
    """Write the ONNX file, and return the largest difference of its unit vectors from those of torch."""

    class Tower(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixel_values: Any) -> Any:
            return self.model(pixel_values=pixel_values, return_dict=True)[output]

    tower = Tower().eval()
    photos = torch.from_numpy(
        np.random.default_rng(0).standard_normal((_CHECKED_PHOTOS, 3, side, side)).astype(np.float32)
    )
    torch.onnx.export(
        tower,
        (photos[:2],),
        str(path),
        input_names=["pixel_values"],
        output_names=[output],
        dynamic_axes={"pixel_values": {0: "batch"}, output: {0: "batch"}},
        opset_version=OPSET,
        dynamo=False,  # the newer exporter needs onnxscript
    )
    with torch.no_grad():
        expected = tower(photos).numpy()
    session = open_session(str(path), 1)
    parts: Sequence[Any] = (photos[:1], photos[1:])
    found = [session.run([output], {"pixel_values": part.numpy()})[0] for part in parts]
    return float(np.abs(_unit_vectors(np.concatenate(found)) - _unit_vectors(expected)).max())


def _unit_vectors(output: Array) -> Array:
    """Return what lies along the last axis of tokens, or all of a pooled output, with the length 1."""
    rows = output if output.ndim == 3 else output.reshape(len(output), -1)
    unit: Array = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
    return unit


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what the two libraries say of their own future and of parts of the model that are not used."""
    loggers = [logging.getLogger("transformers"), logging.getLogger("torch.onnx")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _import_libraries() -> tuple[Any, Any]:
    try:
        import onnx  # noqa: F401 - torch writes with it
        import torch
        import transformers
    except ImportError as missing:
        raise InvalidValue(
            f"Exporting a model needs {missing.name}.", f"Run `{INSTALL_COMMAND}`.", code="no-export"
        ) from None
    return torch, transformers
