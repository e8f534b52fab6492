"""The files of a repository of the Hugging Face hub, or of a folder of the same shape, that a model is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from shoplens.errors import ModelError

NETWORKS = ("vision_model", "model", "image_encoder", "visual")
"""Names of the network that reads photos, the best first: ``model`` of image-text models reads texts, too."""
CONFIGURATIONS = ("config.json", "preprocessor_config.json", "processor_config.json", "README.md")
"""Files that say what the network is, how photos are prepared for it, and under which licence it is."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Paths of the files, relative to the repository.

    Attributes:
        network: the ONNX file.
        weights: files that hold weights of the network.
        configurations: those of :data:`CONFIGURATIONS` that are there.
    """

    network: str
    weights: tuple[str, ...]
    configurations: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.configurations, self.network, *self.weights)


def choose_weights(names: Sequence[str], place: str) -> tuple[str, ...]:
    """Return the files from which a model is exported: its configuration and its weights in safetensors.

    Raises:
        ModelError: ``no-weights``.
    """
    weights = [name for name in names if name.endswith(".safetensors") and "/" not in name]
    parts = [name for name in weights if name.startswith("model-")]
    chosen = ["model.safetensors"] if "model.safetensors" in weights else parts
    if not chosen:
        raise ModelError(
            f"{place} has no model.safetensors.",
            "Choose a repository in the layout of `transformers` with weights in safetensors; others can run code.",
            code="no-weights",
        )
    index = [name for name in names if name == "model.safetensors.index.json"]
    return (*(name for name in CONFIGURATIONS if name in names), *index, *sorted(chosen))


def choose_files(names: Sequence[str], place: str, variant: str = "") -> ModelFiles:
    """Return the files to use, of all paths in a repository.

    Args:
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
            f"Choose one by `--variant`; there are: {', '.join(sorted(networks))}.",
            code="no-variant",
        )
    weights = tuple(sorted(name for name in names if name.startswith(found) and name != found))
    return ModelFiles(found, weights, tuple(name for name in CONFIGURATIONS if name in names))
