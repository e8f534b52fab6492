"""A model with weights of torch -> ONNX networks of its photos and texts, which are checked against torch.

Only weights in safetensors are read, and no code of a repository is run.
"""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shoplens.errors import InvalidValue
from shoplens.models.add import AddedModel, AddOptions, ModelSource, add_model, check_hash, read_config
from shoplens.models.layout import CONFIGURATIONS, TOKENIZER, choose_weights
from shoplens.models.sources import find_source
from shoplens.training.exports.open_clip_models import CONFIG as OPEN_CLIP_CONFIG
from shoplens.training.exports.open_clip_models import load_open_clip_model
from shoplens.training.exports.timm_models import is_timm, load_timm_model
from shoplens.training.exports.torchvision_operators import repair_torchvision
from shoplens.training.exports.towers import TorchModel, export_photos, export_texts
from shoplens.training.exports.transformers_models import load_model

INSTALL_COMMAND = "pip install 'shoplens[export]'"
PHOTOS, TEXTS = "onnx/vision_model.onnx", "onnx/text_model.onnx"


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
        exported = export_source(source, Path(folder), text=options.text)
        return add_model(exported, replace(options, variant=""), models)


def export_source(source: ModelSource, target: Path, *, text: bool = True) -> ModelSource:
    """Write the networks of a model to a folder in the hub's layout.

    Args:
        source: a folder with config.json, preprocessor_config.json and model.safetensors.
        target: an empty folder.
        text: whether its tower for texts is exported, too.

    Raises:
        InvalidValue, ModelError: as :func:`add_exported_model`.
    """
    torch, transformers = _import_libraries()
    for name in choose_weights(source.names(), source.place):
        check_hash(source, name, source.folder / name)
    for name in (*CONFIGURATIONS, TOKENIZER):
        if (source.folder / name).is_file():
            shutil.copyfile(source.folder / name, target / name)
    with _quiet():
        model = _load(torch, transformers, source, text=text)
        notes = {"exported_by": model.made_by, "export_difference": export_photos(torch, model, target / PHOTOS)}
        if model.texts is not None:
            notes["text_export_difference"] = export_texts(torch, model, model.texts, target / TEXTS)
    return replace(source, folder=target, hashes={}, notes=notes, text=model.text_keys, processor=model.processor)


def _load(torch: Any, transformers: Any, source: ModelSource, *, text: bool) -> TorchModel:
    """Read the model by the library that its files are of."""
    if (source.folder / OPEN_CLIP_CONFIG).is_file():
        return load_open_clip_model(torch, source, text=text)
    if is_timm(read_config(source.folder)):
        return load_timm_model(torch, source)
    return load_model(torch, transformers, source, text=text)


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

        repair_torchvision()
        import transformers
    except ImportError as missing:
        raise InvalidValue(
            f"Exporting a model needs {missing.name}.", f"Run `{INSTALL_COMMAND}`.", code="no-export"
        ) from None
    return torch, transformers
