"""The output of a network that is the vector of a photo, and how it is pooled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shoplens.embedders.card import Pool
from shoplens.errors import ModelError

VECTORS = ("image_embeds", "image_features", "image_embedding", "embeddings", "embedding", "sentence_embedding")
"""Names of outputs that are a vector by their name."""
POOLED, TOKENS = "pooler_output", "last_hidden_state"
CLS_FAMILIES = {"beit", "clip_vision_model", "deit", "dinov2", "dinov2_with_registers", "dinov3_vit", "vit"}
"""Values of ``model_type`` in config.json for networks whose first token stands for the photo."""
UNTRAINED_POOLERS = {"deit", "vit"}
"""Those whose pooler most files do not have, so that an export has random weights for it."""

Shapes = Mapping[str, Sequence[object]]
"""Name of an output -> its shape, with names for lengths that are not fixed."""


def choose_output(shapes: Shapes, family: str) -> tuple[str, Pool]:
    """Return the name of the output, and its pooling, for networks of a family (``model_type`` of config.json).

    Raises:
        ModelError: ``unfit-output``: none of them is known to be a vector of the photo.
    """
    for name in VECTORS:
        if name in shapes and len(shapes[name]) == 2:
            return name, ""
    if POOLED in shapes and family not in UNTRAINED_POOLERS:
        if len(shapes[POOLED]) == 2:
            return POOLED, ""
        if len(shapes[POOLED]) == 4:
            return POOLED, "mean"
    if TOKENS in shapes:
        if len(shapes[TOKENS]) == 3 and family in CLS_FAMILIES:
            return TOKENS, "cls"
        if len(shapes[TOKENS]) == 4:
            return TOKENS, "mean"
    listing = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
    raise ModelError(
        f"None of the outputs is known to be the vector of a photo: {listing}.",
        "Name one of shape (photos, dimensions) by `--output`, or one of tokens with `--pool cls`, `mean` or "
        "`patches`. Scores of classes (`logits`) are no vector: take an export for feature extraction.",
        code="unfit-output",
    )
