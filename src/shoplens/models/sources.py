"""What a person calls a model -> where it is: a folder, a name of the registry, or a repository of the hub."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from shoplens.errors import InvalidValue, ModelError
from shoplens.models.add import AddedModel, AddOptions, ModelSource, add_model
from shoplens.models.hub import HubOptions, download_model
from shoplens.models.registry import REGISTRY

PACKAGES = {"open_clip": "open_clip_torch", "timm": "timm"}
"""Library with which a model is exported -> its package."""
_REPOSITORY = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")


def add_named_model(text: str, options: AddOptions, models: Path, hub: HubOptions | None = None) -> AddedModel:
    """Find a model, download it where it is no folder, and add it to the folder ``models``.

    For the arguments and errors see :func:`find_source` and :func:`~shoplens.models.add.add_model`.
    """
    return add_model(find_source(text, options, hub), options, models)


def find_source(text: str, options: AddOptions, hub: HubOptions | None = None, *, exports: bool = False) -> ModelSource:
    """Return the folder of a model, which is downloaded where it is of the hub.

    Args:
        text: a folder, a name of the registry, or ``REPOSITORY`` or ``REPOSITORY@REVISION`` of the hub.
        hub: where the hub and its cache are, for tests; the rest of it comes from the other arguments.
        exports: whether the model is to be exported.

    Raises:
        InvalidValue: ``unknown-model``.
        ModelError: ``by-export``: it cannot be used so; or as :func:`~shoplens.models.hub.download_model`.
        Refused: ``licence-refused``.
    """
    if Path(text).is_dir():
        return ModelSource(Path(text), str(Path(text).resolve()))
    known = REGISTRY.get(text)
    match = _REPOSITORY.fullmatch(known.repository if known else text)
    if match is None:
        raise InvalidValue(
            f"There is no folder {text!r}, and no known model of this name.",
            f"Give a folder, a repository such as onnx-community/dinov2-small, or one of: {', '.join(REGISTRY)}.",
            code="unknown-model",
        )
    if known is not None and known.by_export and not exports:
        raise ModelError(
            f"{known.repository} has no ONNX file.",
            f"Run `pip install 'shoplens[hub,export]' {PACKAGES[known.by_export]}` once, and give `--export`, which "
            "makes one.",
            code="by-export",
        )
    return download_model(
        match["repository"],
        replace(
            hub or HubOptions(),
            revision=match["revision"] or "",
            variant=options.variant,
            licence=known.licence if known else "",
            accept_licence=options.accept_licence,
            exports=exports,
            text=options.text,
        ),
        known.name if known else "",
    )
