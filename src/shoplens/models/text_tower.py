"""The text tower of a repository -> the part ``text`` of a card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shoplens.embedders.pooling import ShortenVectors
from shoplens.embedders.sessions import open_session
from shoplens.embedders.text.card import Clean, TextCard
from shoplens.embedders.text.tower import TextTower, open_tokenizer
from shoplens.errors import ModelError

VECTORS = ("text_embeds", "text_features", "text_embedding", "embeddings", "sentence_embedding", "pooler_output")
"""Names of outputs that are the vector of a text, the first of which is taken."""
LENGTHS: Mapping[str, int] = {"clip": 77, "siglip": 64, "siglip2": 64}
"""Family -> number of tokens with which it was trained."""
FILLED = ("siglip", "siglip2")
"""Families that were trained on texts that are filled up to that number."""
CLEAN: Mapping[str, Clean] = {"siglip": "lowercase", "siglip2": "lowercase"}
"""Family -> what was done to its texts."""
SCALE = 100.0
"""Scale of logits where it is not known: an ONNX file of a tower has none, and trained models end near it."""
_TRIED = "a red lamp"


def describe_tower(
    folder: Path, network: str, made: Path, dimensions: int, family: str, known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the part ``text`` of the card, without the hashes of files, and try the tower.

    Args:
        folder: the repository, with its configuration.
        network: name of the tower's ONNX file in ``made``, which has tokenizer.json, too.
        dimensions: length of the vectors of photos, which those of texts must have.
        family: ``model_type`` of config.json.
        known: keys that are known otherwise.

    Raises:
        ModelError: ``no-tokenizers``, ``bad-tokenizer``, ``bad-onnx``; ``unfit-output``: no output is a vector in the
            space of the photos.
    """
    session = open_session(str(made / network), 1)
    shapes = {one.name: one.shape for one in session.get_outputs()}
    output = next((name for name in VECTORS if name in shapes and len(shapes[name]) == 2), "")
    if not output:
        raise _unfit(f"has no output of {', '.join(VECTORS)} of shape (texts, dimensions), but {', '.join(shapes)}")
    text = next((one.shape for one in session.get_inputs() if one.name == "input_ids"), None)
    if text is None:
        raise _unfit("has no input `input_ids`")
    config = _read(folder / "config.json")
    positions = config.get("text_config", {}).get("max_position_embeddings")
    fixed = text[1] if len(text) == 2 and isinstance(text[1], int) else None
    length = fixed or LENGTHS.get(family) or (positions if isinstance(positions, int) else 77)
    if isinstance(positions, int) and not fixed:
        length = min(length, positions)
    padding = None
    if fixed or family in FILLED:
        padding = _padding_token(folder, open_tokenizer(made / "tokenizer.json"))
    clean = CLEAN.get(family, "")
    values = {"output": output, "length": length, "padding": padding, "clean": clean, "scale": SCALE, **(known or {})}
    card = TextCard(network, **values)
    unchanged: ShortenVectors = lambda vectors: vectors  # noqa: E731
    found = TextTower(made, card, unchanged).embed([_TRIED]).shape[1]
    if found != dimensions:
        raise _unfit(f"gives vectors of {found} numbers, and the network for photos of {dimensions}")
    return {name: value for name, value in asdict(card).items() if name != "files"}


def _padding_token(folder: Path, tokenizer: Any) -> int:
    """Return the id of the token to which texts are filled."""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        token = _read(folder / name).get("pad_token")
        token = token.get("content") if isinstance(token, dict) else token
        if isinstance(token, str) and (found := tokenizer.token_to_id(token)) is not None:
            return int(found)
    own = tokenizer.padding
    return int(own["pad_id"]) if own else 0


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError:
        content = {}
    return content if isinstance(content, dict) else {}


def _unfit(what: str) -> ModelError:
    return ModelError(
        f"The text tower {what}.",
        "Add the model without it by `--no-text`; or write the card yourself (docs/models.md).",
        code="unfit-output",
    )
