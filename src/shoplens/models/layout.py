"""The files of a repository of the Hugging Face hub, or of a folder of the same shape, that a model is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from shoplens.errors import ModelError

NETWORKS = ("vision_model", "model", "image_encoder", "visual")
"""Names of the network that reads photos, the best first: ``model`` of image-text models reads texts, too."""
TEXT_NETWORKS = ("text_model", "text_encoder", "textual")
"""Names of the network that reads texts."""
CONFIGURATIONS = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "open_clip_config.json",
    "README.md",
)
"""Files that say what the network is, how photos and texts are prepared for it, and under which licence it is."""
TOKENIZER = "tokenizer.json"
OPEN_CLIP_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")
"""Names of the weights of `open_clip`, the best first."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Paths of the files, relative to the repository.

    Attributes:
        network: the ONNX file.
        weights: files that hold weights of the network.
        configurations: those of :data:`CONFIGURATIONS` that are there.
        text: the ONNX file of the text tower; empty where there is none, or no file of `tokenizers`.
        text_weights: files that hold weights of the text tower.
        tokenizer: the file of `tokenizers`; empty without a text tower.
    """

    network: str
    weights: tuple[str, ...]
    configurations: tuple[str, ...]
    text: str = ""
    text_weights: tuple[str, ...] = ()
    tokenizer: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        """All of them."""
        text = (self.text, *self.text_weights, self.tokenizer) if self.text else ()
        return (*self.configurations, self.network, *self.weights, *text)


def choose_weights(names: Sequence[str], place: str) -> tuple[str, ...]:
    """Return the files from which a model is exported: its configuration, its weights in safetensors, and the file of
    `tokenizers`.

    Raises:
        ModelError: ``no-weights``.
    """
    weights = [name for name in names if name.endswith(".safetensors") and "/" not in name]
    parts = [name for name in weights if name.startswith("model-")]
    single = OPEN_CLIP_WEIGHTS if "open_clip_config.json" in names else ("model.safetensors",)
    chosen = [name for name in single if name in weights][:1] or parts
    if not chosen:
        raise ModelError(
            f"{place} has no model.safetensors.",
            "Choose a repository in the layout of `transformers` with weights in safetensors; others can run code.",
            code="no-weights",
        )
    index = [name for name in names if name == "model.safetensors.index.json"]
    configurations = (name for name in (*CONFIGURATIONS, TOKENIZER) if name in names)
    return (*configurations, *index, *sorted(chosen))


def choose_files(names: Sequence[str], place: str, variant: str = "", *, text: bool = True) -> ModelFiles:
    """Return the files to use, of all paths in a repository.

    Args:
        text: whether the text tower is wanted, where there is one.
        place: what the repository is called in errors.
        variant: such as ``int8`` or ``fp16``, for ``model_int8.onnx``; empty for float32.

    Raises:
        ModelError: ``no-onnx-file``: there is no ONNX network; ``no-variant``: not in this variant.
    """
    networks = {PurePosixPath(name).stem: name for name in sorted(names, reverse=True) if name.endswith(".onnx")}
    if not networks:
        raise ModelError(
            f"{place} has no ONNX file.",
            "Export the model with `--export`, or choose a repository with a folder `onnx`, such as those of "
            "onnx-community and Xenova.",
            code="no-onnx-file",
        )
    wanted = [f"{name}_{variant}" if variant else name for name in NETWORKS]
    found = next((networks[name] for name in wanted if name in networks), None)
    if found is None and not variant and len(networks) == 1:
        found = next(iter(networks.values()))
    if found is None:
        raise ModelError(
            f"{place} has no network {' or '.join(f'{name}.onnx' for name in wanted)}.",
            _explain_variants(networks),
            code="no-variant",
        )
    configurations = tuple(name for name in CONFIGURATIONS if name in names)
    files = ModelFiles(found, _weights_of(found, names), configurations)
    towers = [f"{name}_{variant}" for name in TEXT_NETWORKS if variant] + list(TEXT_NETWORKS)
    tower = next((networks[name] for name in towers if name in networks), "")
    if not (text and tower and TOKENIZER in names):
        return files
    return replace(files, text=tower, text_weights=_weights_of(tower, names), tokenizer=TOKENIZER)


def _explain_variants(networks: Mapping[str, str]) -> str:
    """Say what may be given instead of a variant that there is not."""
    variants = sorted(
        {
            name.removeprefix(f"{network}_")
            for network in NETWORKS
            for name in networks
            if name.startswith(f"{network}_") and name not in TEXT_NETWORKS
        }
    )
    plain = "Leave `--variant` out" if any(name in networks for name in NETWORKS) else ""
    other = f"`--variant` {', '.join(variants)}" if variants else ""
    if not plain and not other:
        return f"Choose a repository of a network for photos; this one has {', '.join(sorted(networks))}."
    return f"{plain}{', or give ' if plain and other else '' if plain else 'Give '}{other}."


def _weights_of(network: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if name.startswith(network) and name != network))
