"""Networks that are known to suit a shop, with their facts. Nothing of them is downloaded until somebody asks for it.

None of their weights could be tried where Shoplens is developed, so there is no measured quality or time here. Names of
repositories, licences, dimensions and preparation were compared with public copies of their pages and with code that
uses them; docs/models.md says what could not be. ``shoplens models add`` says what a repository really has, and
measures the time where it adds one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A row of the registry.

    Attributes:
        name: for ``shoplens models add NAME``, and then for ``--model NAME``.
        purpose: what it is good for.
        repository: on the hub.
        licence: as the hub spells it.
        dimensions: length of its vectors.
        weights: millions of weights of the network for photos, as its authors say.
        prepared: how photos are prepared: sides in pixels, filter, mean and standard deviation.
        output: the output that is the vector; ``CLS`` is the first token of ``last_hidden_state``.
        by_export: library with which the network must be exported, since the repository has no ONNX file; empty where
            it has one.
        text: whether a tower for words belongs to it.
    """

    name: str
    purpose: str
    repository: str
    licence: str
    dimensions: int
    weights: float
    prepared: str
    output: str
    by_export: str = ""
    text: bool = False

    @property
    def megabytes(self) -> int:
        """Size of the network for photos in float32, computed from its number of weights."""
        return round(4 * self.weights)


_HALF, _CLIP, _IMAGENET = "mean = std = .5", "mean and std of CLIP", "mean and std of ImageNet"
_SQUASH = f"squash 224, bilinear, {_HALF}"
_CUBIC = f"squash 224, bicubic, {_HALF}"
_CUT = f"shorter side 224, centre 224, bicubic, {_CLIP}"
_DINO = f"shorter side 256, centre 224, bicubic, {_IMAGENET}"
REGISTRY = {
    model.name: model
    for model in (
        KnownModel(
            "siglip2-base-patch16-224",
            "anything, words in many languages",
            "onnx-community/siglip2-base-patch16-224-ONNX",
            "apache-2.0",
            768,
            93,
            _SQUASH,
            "pooler_output",
            text=True,
        ),
        KnownModel(
            "siglip2-base-patch16-384",
            "anything, small details, slow",
            "onnx-community/siglip2-base-patch16-384-ONNX",
            "apache-2.0",
            768,
            93,
            f"squash 384, bilinear, {_HALF}",
            "pooler_output",
            text=True,
        ),
        KnownModel(
            "siglip-base-patch16-224",
            "anything, English words",
            "Xenova/siglip-base-patch16-224",
            "apache-2.0",
            768,
            93,
            _CUBIC,
            "pooler_output",
            text=True,
        ),
        KnownModel(
            "marqo-fashionsiglip",
            "fashion",
            "Marqo/marqo-fashionSigLIP",
            "apache-2.0",
            768,
            93,
            _CUBIC,
            "image_embeds",
            text=True,
        ),
        KnownModel(
            "marqo-ecommerce-b",
            "products of all kinds",
            "Marqo/marqo-ecommerce-embeddings-B",
            "apache-2.0",
            768,
            93,
            _CUBIC,
            "image_embeds",
            by_export="open_clip",
            text=True,
        ),
        KnownModel(
            "clip-vit-base-patch32",
            "anything, fast",
            "Xenova/clip-vit-base-patch32",
            "mit",
            512,
            87.8,
            _CUT,
            "image_embeds",
            text=True,
        ),
        KnownModel(
            "clip-vit-base-patch16",
            "anything",
            "Xenova/clip-vit-base-patch16",
            "mit",
            512,
            86.2,
            _CUT,
            "image_embeds",
            text=True,
        ),
        KnownModel(
            "dinov2-small", "the very same thing", "onnx-community/dinov2-small", "apache-2.0", 384, 22.1, _DINO, "CLS"
        ),
        KnownModel(
            "dinov2-base", "the very same thing", "onnx-community/dinov2-base", "apache-2.0", 768, 86.6, _DINO, "CLS"
        ),
        KnownModel(
            "mobileclip-s0",
            "anything, very fast",
            "Xenova/mobileclip_s0",
            "apple-amlr",
            512,
            11.4,
            "shorter side 256, centre 256, bilinear, 0 to 1",
            "image_embeds",
            text=True,
        ),
        KnownModel(
            "dinov3-vits16",
            "the very same thing",
            "onnx-community/dinov3-vits16-pretrain-lvd1689m-ONNX",
            "dinov3-license",
            384,
            21.6,
            f"squash 224, bilinear, {_IMAGENET}",
            "CLS",
        ),
        KnownModel(
            "pe-core-b16-224",
            "anything, English words",
            "timm/PE-Core-B-16",
            "apache-2.0",
            1024,
            93,
            _SQUASH,
            "image_embeds",
            by_export="open_clip",
            text=True,
        ),
    )
}
