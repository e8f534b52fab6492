"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shoplens.catalogue import FORMATS
from shoplens.settings import Settings, settings_from

Store = Annotated[
    Path | None,
    typer.Option("--store", help="Folder of the store. [default: SHOPLENS_STORE, else ./shoplens-store]"),
]
Feed = Annotated[Path, typer.Argument(help="Feed file, or a folder of photos.", show_default=False)]
Media = Annotated[
    Path | None,
    typer.Option("--media", help="Folder that photo paths are relative to. [default: by the format's habit]"),
]
Format = Annotated[
    str | None, typer.Option("--format", help=f"{', '.join(FORMATS)}. [default: recognised by the header]")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout; everything else on stderr.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 5 if any row, product or photo was rejected.")]
AllowPrivate = Annotated[
    bool | None,
    typer.Option("--allow-private", help="Fetch photos from private and loopback addresses too.", show_default=False),
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model", help="ONNX file of another embedder, with its JSON card beside it. [default: the shipped one]"
    ),
]


def settings(store: Path | None = None, model: Path | None = None, allow_private: bool | None = None) -> Settings:
    """Settings from a command's options."""
    return settings_from(store=store, model=model, allow_private=allow_private)
