"""What a person calls a model -> where it is: a folder, a name of the registry, or a repository of the hub."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from shoplens.errors import InvalidValue, ModelError
from shoplens.models.add import AddedModel, AddOptions, ModelSource, add_model
from shoplens.models.hub import HubOptions, download_model
from shoplens.models.registry import REGISTRY

_REPOSITORY = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")


def add_named_model(text: str, options: AddOptions, models: Path, hub: HubOptions | None = None) -> AddedModel:
    """Find a model, download it where it is no folder, and add it to the folder ``models``.

    Args:
        text: a folder, a name of the registry, or ``REPOSITORY`` or ``REPOSITORY@REVISION`` of the hub.
        hub: where the hub and its cache are, for tests; the rest of it comes from the other arguments.

    Raises:
        InvalidValue: ``unknown-model``.
        ModelError: ``by-export``: the repository has no ONNX file; or as :func:`~shoplens.models.add.add_model` and
            :func:`~shoplens.models.hub.download_model`.
        Refused: ``licence-refused``.
    """
    folder = Path(text)
    if folder.is_dir():
        return add_model(ModelSource(folder, str(folder.resolve())), options, models)
    known = REGISTRY.get(text)
    match = _REPOSITORY.fullmatch(known.repository if known else text)
    if match is None:
        raise InvalidValue(
            f"There is no folder {text!r}, and no known model of this name.",
            f"Give a folder, a repository such as onnx-community/dinov2-small, or one of: {', '.join(REGISTRY)}.",
            code="unknown-model",
        )
    if known is not None and known.by_export:
        raise ModelError(
            f"{known.repository} has no ONNX file.",
            "Export the network of its photos with its own library to a file, and write a card: docs/models.md.",
            code="by-export",
        )
    options = replace(options, name=options.name or (known.name if known else ""))
    source = download_model(
        match["repository"],
        replace(
            hub or HubOptions(),
            revision=match["revision"] or "",
            variant=options.variant,
            licence=known.licence if known else "",
            accept_licence=options.accept_licence,
        ),
    )
    return add_model(source, options, models)
