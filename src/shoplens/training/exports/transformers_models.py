"""Models of `transformers` as towers of torch. No code of a repository is run, and no pickled weights are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shoplens.errors import ModelError
from shoplens.models.add import ModelSource, read_family, read_processor
from shoplens.models.layout import TOKENIZER
from shoplens.training.exports.towers import TorchModel, TorchTower


@dataclass(frozen=True, slots=True)
class TowerClass:
    """How a tower of a family is read.

    Attributes:
        name: class of `transformers` that reads the tower out of the weights of the whole model.
        output: the output that is, or holds, the vector.
        unused: first parts of the names of weights that the output does not need, which files may lack.
    """

    name: str
    output: str
    unused: tuple[str, ...] = ()


_CLIP = TowerClass("CLIPVisionModelWithProjection", "image_embeds")
_SIGLIP = TowerClass("SiglipVisionModel", "pooler_output")
_TOKENS = TowerClass("AutoModel", "last_hidden_state", ("pooler.",))
_POOLED = TowerClass("AutoModel", "pooler_output")
PHOTOS: Mapping[str, TowerClass] = {
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
"""``model_type`` in config.json -> its tower for photos."""
TEXTS: Mapping[str, TowerClass] = {
    "clip": TowerClass("CLIPTextModelWithProjection", "text_embeds"),
    "siglip": TowerClass("SiglipTextModel", "pooler_output"),
}
"""The same for texts."""
LOGITS = ("logit_scale", "logit_bias")
"""Names of the weights that scale the cosines of photos and texts; the first is a natural logarithm."""


def load_model(torch: Any, transformers: Any, source: ModelSource, *, text: bool = True) -> TorchModel:
    """Read the towers of a model.

    Args:
        text: whether its tower for texts is wanted.

    Raises:
        ModelError: ``unknown-family``; ``missing-weights``.
    """
    family = read_family(source.folder)
    if family not in PHOTOS:
        raise ModelError(
            f"{source.place} is a model of the family {family!r}, which cannot be exported.",
            f"There are: {', '.join(PHOTOS)}. Export another one yourself, and write a card (docs/models.md).",
            code="unknown-family",
        )
    side = int(read_processor(source)["side"])
    photos = _as_tower(torch, _read(torch, transformers, source, PHOTOS[family], "vision_config"), PHOTOS[family])
    made_by = f"transformers {transformers.__version__}, torch {torch.__version__}"
    model = TorchModel(photos, side, made_by=made_by)
    if not text or family not in TEXTS or not (source.folder / TOKENIZER).is_file():
        return model
    network = _read(torch, transformers, source, TEXTS[family], "text_config")
    return replace(
        model,
        texts=_as_tower(torch, network, TEXTS[family], "input_ids"),
        length=int(network.config.max_position_embeddings),
        vocabulary=int(network.config.vocab_size),
        is_fixed=family == "siglip",
        text_keys=read_logits(source, "model.safetensors"),
    )


def read_logits(source: ModelSource, weights: str) -> dict[str, float]:
    """Return scale and bias of the logits from a file of weights; nothing where it has no scale."""
    import math

    from safetensors import safe_open

    path = source.folder / weights
    if not path.is_file():  # weights in several files
        return {}
    with safe_open(path, framework="np") as file:
        names = {name.rpartition(".")[2]: name for name in file.keys()}  # noqa: SIM118 - it is no mapping
        found = [file.get_tensor(names[one]).reshape(-1)[0] if one in names else None for one in LOGITS]
    scale, bias = found
    return {} if scale is None else {"scale": math.exp(float(scale)), "bias": 0.0 if bias is None else float(bias)}


def _as_tower(torch: Any, model: Any, tower: TowerClass, name: str = "pixel_values") -> TorchTower:
    class Tower(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, values: Any) -> Any:
            return self.model(**{name: values}, return_dict=True)[tower.output]

    return TorchTower(Tower(), tower.output)


def _read(torch: Any, transformers: Any, source: ModelSource, tower: TowerClass, part: str) -> Any:
    """Read a tower.

    Args:
        part: name of its configuration in that of the whole model.

    Raises:
        ModelError: ``missing-weights``.
    """
    model_class = getattr(transformers, tower.name)
    try:
        whole = transformers.AutoConfig.from_pretrained(source.folder, local_files_only=True, trust_remote_code=False)
        config = getattr(whole, part, whole)
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
