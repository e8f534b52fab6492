"""The text tower of a model: texts -> vectors in the space of the vectors of photos, by ONNX Runtime and `tokenizers`.

A photo and a text that describes it have a greater cosine than others (Radford et al. 2021, "Learning Transferable
Visual Models From Natural Language Supervision"; Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training").
"""

from __future__ import annotations

import hashlib
import string
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shoplens.embedders.embedder import Embedder
from shoplens.embedders.pooling import ShortenVectors
from shoplens.embedders.sessions import open_session
from shoplens.embedders.text.card import TextCard
from shoplens.errors import ModelError
from shoplens.types import Vectors

INSTALL_COMMAND = "pip install 'shoplens[hub]'"
_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
Tokens = np.ndarray[Any, np.dtype[np.int64]]


class TextTower:
    """Makes vectors of texts; its files are opened when it is first used. Thread-safe.

    Args:
        folder: has the files that the card names.
        card: describes them.
        shorten: what is done to the vectors of photos, too.
        threads, providers: as of :class:`~shoplens.embedders.onnx.OnnxEmbedder`.
    """

    def __init__(
        self, folder: Path, card: TextCard, shorten: ShortenVectors, *, threads: int = 1, providers: str = ""
    ) -> None:
        self.folder, self.card = folder, card
        self._shorten, self._threads, self._providers = shorten, threads, providers
        self._lock = threading.Lock()
        self._opened: tuple[Any, Any] | None = None

    @property
    def model(self) -> str:
        """Id of the tower: the first digits of the SHA-256 of its files, as the card names them."""
        named = sorted(self.card.files.items()) or [(self.card.network, ""), (self.card.tokenizer, "")]
        return hashlib.sha256(repr((named, self.card.output, self.card.pool)).encode()).hexdigest()[:12]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of texts, float32 (texts, dimensions).

        Raises:
            ModelError: ``no-tokenizers``; ``bad-onnx``; ``wrong-hash``; ``unfit-output``: the tower gives no vector.
        """
        session, tokenizer = self._open()
        rows = [self._run(session, tokenizer.encode(clean_text(text, self.card)).ids) for text in texts]
        vectors = self._shorten(np.stack(rows)) if rows else np.zeros((0, 1), np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and (lengths > 0).all()):
            raise ModelError(
                f"The text tower {self.card.network} returned a vector that is zero or not finite.",
                "See that its tokenizer belongs to it.",
                code="unfit-output",
            )
        return np.asarray(vectors / lengths, np.float32)

    def _run(self, session: Any, ids: Sequence[int]) -> Vectors:
        """Return the vector of one text, float32 (dimensions,)."""
        tokens = list(ids)
        count = len(tokens)
        if self.card.padding is not None:
            tokens += [self.card.padding] * (self.card.length - count)
        batch = np.array([tokens], np.int64)
        values = {
            "input_ids": batch,
            "attention_mask": (np.arange(len(tokens)) < count).astype(np.int64)[None],
            "token_type_ids": np.zeros_like(batch),
            "position_ids": np.arange(len(tokens), dtype=np.int64)[None],
        }
        feeds = _choose_inputs(session, values, self.card)
        names = [output.name for output in session.get_outputs()]
        output = self.card.output or names[0]
        if output not in names:
            raise ModelError(
                f"The text tower {self.card.network} has no output {output!r}.",
                f"There are: {', '.join(names)}. Correct `text` in the card.",
                code="unfit-output",
            )
        try:
            row = np.asarray(session.run([output], feeds)[0][0], np.float32)
        except Exception as problem:  # onnxruntime's own exceptions share no public base
            raise ModelError(
                f"The text tower {self.card.network} cannot take {len(tokens)} tokens: {str(problem).splitlines()[0]}",
                "Correct `length` or `padding` of `text` in the card.",
                code="unfit-output",
            ) from None
        return _pool_tokens(row, count, self.card)

    def _open(self) -> tuple[Any, Any]:
        with self._lock:
            if self._opened is None:
                tokenizer = open_tokenizer(self.folder / self.card.tokenizer)
                tokenizer.no_padding()
                tokenizer.enable_truncation(self.card.length)
                check_files(self.folder, self.card.files)
                network = str(self.folder / self.card.network)
                self._opened = open_session(network, self._threads, self._providers), tokenizer
            return self._opened


def text_tower(embedder: Embedder) -> TextTower | None:
    """Return the text tower of the model of an embedder; None where it has none."""
    tower: TextTower | None = getattr(embedder, "text_tower", None)
    return tower


def clean_text(text: str, card: TextCard) -> str:
    """Return a text as the tower's tokenizer expects it."""
    if card.clean == "letters":
        text = text.translate(str.maketrans("", "", string.punctuation))
    return " ".join((text.lower() if card.clean else text).split())


def open_tokenizer(path: Path) -> Any:
    """Open a file of `tokenizers`.

    Raises:
        ModelError: ``no-tokenizers``: the library is not installed; ``bad-tokenizer``.
    """
    try:
        import tokenizers
    except ImportError:
        raise ModelError(
            "Words are read by the library tokenizers, which is not installed.",
            f"Run `{INSTALL_COMMAND}`; or add the model with `--no-text`, and words are compared with words only.",
            code="no-tokenizers",
        ) from None
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as problem:  # the library raises Exception itself
        raise ModelError(
            f"{path} is no tokenizer: {str(problem).splitlines()[0]}",
            "Add the model anew with `shoplens models add`.",
            code="bad-tokenizer",
        ) from None


def check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Raise an error where a file is not the one that the card names.

    Raises:
        ModelError: ``wrong-hash``.
    """
    for name, wanted in files.items():
        path = folder / name
        found = ""
        if path.is_file():
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != wanted:
            raise ModelError(
                f"{path} is not the file that its card names: its SHA-256 is {found or 'that of no file'}, "
                f"not {wanted}.",
                "Add the model anew with `shoplens models add`.",
                code="wrong-hash",
            )


def _choose_inputs(session: Any, values: Mapping[str, Tokens], card: TextCard) -> dict[str, Any]:
    """Return the inputs that the network has, in its own type of integers."""
    feeds = {}
    for one in session.get_inputs():
        if one.name not in values:
            raise ModelError(
                f"The text tower {card.network} has the input {one.name!r}, which is none of {', '.join(_INPUTS)}.",
                "Choose the ONNX file of the text tower alone.",
                code="unfit-output",
            )
        feeds[one.name] = values[one.name].astype(np.int32 if one.type == "tensor(int32)" else np.int64)
    return feeds


def _pool_tokens(row: Vectors, count: int, card: TextCard) -> Vectors:
    """Return one vector from what the tower gives for a text.

    Args:
        count: number of the text's own tokens, without those of padding.
    """
    if row.ndim != (2 if card.pool else 1):
        raise ModelError(
            f"The output of the text tower {card.network} has the shape {[1, *row.shape]}, which is no vector"
            f"{' with the pooling ' + repr(card.pool) if card.pool else ''}.",
            "Set `output` or `pool` of `text` in the card.",
            code="unfit-output",
        )
    if card.pool == "mean":
        return np.asarray(row[:count].mean(axis=0), np.float32)
    return row[0] if card.pool == "first" else row[count - 1] if card.pool == "last" else row
