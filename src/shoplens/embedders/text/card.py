"""The part ``text`` of a model's card: the tower that makes vectors of texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from shoplens.embedders.card import read_card_file
from shoplens.errors import ModelError

Clean = Literal["", "lowercase", "letters"]
TextPool = Literal["", "first", "last", "mean"]
KEY = "text"
"""Key of the card."""


@dataclass(frozen=True, slots=True)
class TextCard:
    """The input that a text tower needs, and its output.

    Attributes:
        network: name of its ONNX file, beside that of the network for photos.
        tokenizer: name of the file of `tokenizers` beside it.
        output: name of the output that is the vector; the first output when empty.
        pool: how the vector comes out of ``output``: empty for (texts, dimensions); ``first``, ``last`` or ``mean`` of
            (texts, tokens, dimensions).
        length: most tokens of a text, those that the tokenizer adds included; longer ones are cut.
        padding: id of the token to which every text is filled up to ``length``; None for a tower that reads texts of
            any length.
        clean: ``lowercase`` writes texts in small letters; ``letters`` takes out punctuation, too.
        scale, bias: the logit of a photo and a text is ``scale`` times their cosine plus ``bias``, as the model was
            trained.
        files: SHA-256 by the name of each file of the tower; checked when it is opened.

    Raises:
        ModelError: a value is not allowed.
    """

    network: str
    tokenizer: str = "tokenizer.json"
    output: str = ""
    pool: TextPool = ""
    length: int = 77
    padding: int | None = None
    clean: Clean = ""
    scale: float = 100.0
    bias: float = 0.0
    files: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name, is_valid in {
            "network": _is_name(self.network),
            "tokenizer": _is_name(self.tokenizer),
            "output": isinstance(self.output, str),
            "pool": self.pool in get_args(TextPool) and bool(self.output or not self.pool),
            "length": isinstance(self.length, int) and 2 <= self.length <= 8192,
            "padding": self.padding is None or (isinstance(self.padding, int) and self.padding >= 0),
            "clean": self.clean in get_args(Clean),
            "scale": isinstance(self.scale, int | float) and self.scale > 0,
            "bias": isinstance(self.bias, int | float),
            "files": isinstance(self.files, dict) and all(isinstance(one, str) for one in self.files.values()),
        }.items():
            if not is_valid:
                raise ModelError(
                    f"The model's card says text.{name} = {getattr(self, name)!r}.",
                    "Correct it; docs/models.md describes the keys.",
                )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value) and Path(value).name == value


def load_text_card(model: Path) -> TextCard | None:
    """Return the part ``text`` of the card of ``model.onnx``; None where the model has no text tower.

    Raises:
        ModelError: the card is not JSON, or has a value that is not allowed.
    """
    stored = read_card_file(model).get(KEY)
    if stored is None:
        return None
    known = {one.name for one in fields(TextCard)}
    if not isinstance(stored, dict) or "network" not in stored:
        raise ModelError(
            f"The card of {model} has no `network` in `text`.",
            'Write at least {"network": "text_model.onnx"}, or leave `text` out.',
        )
    values: dict[str, Any] = {name: value for name, value in stored.items() if name in known}
    return TextCard(**values)
