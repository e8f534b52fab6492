"""Quantize a backbone to int8: weights per channel, activations in 8 bits, outputs as before in float32.

    python tools/quantize_backbone.py --data ../shared/data --out efficientnet-lite2-int8.onnx

The ranges of the activations are percentiles over photos of ``tools/fit_projection.py``, so no other photo is seen.
``Clip`` is quantized together with the convolution before it: otherwise the range of a convolution would include the
values that its ReLU6 cuts off, and most of the 8 bits would be lost. The first two convolutions, and everything after
the pooling, stay in float32.

Processors with AVX2 or AVX-512, but without VNNI, add the products of two neighbouring channels in 16 bits, and cut off
what does not fit. So the scale of a channel's weights is raised where two neighbours together would be too large.

The script prints the cosine of each output with that of the float32 network, and the CPU time of both on one thread.

Source: Jacob and others 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference"; Wu and others 2020, arXiv:2004.09602, for percentiles.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from shoplens.embedders.card import ModelCard
from shoplens.embedders.preprocessing import network_input
from shoplens.embedders.sessions import open_session
from shoplens.embedders.shipped import shipped_file
from shoplens.images import decode_photo
from shoplens.settings import Settings

FITTER = Path(__file__).with_name("fit_projection.py")
QUANTIZED = ["Conv", "Clip", "Add"]
PERCENTILE = 99.999
EXACT_LAYERS = 2
"""Convolutions at the beginning that stay in float32: they cost no more so, and half of the error was theirs."""
PAIR_LIMIT = 128
"""Largest sum of the weights of two neighbouring channels, of one sign, in units of 8 bits: times the largest
activation, 255, it fits into 16 bits."""
CHECKED_PHOTOS, ROUNDS = 40, 60
Inputs = npt.NDArray[np.uint8]


class PhotoReader(CalibrationDataReader):  # type: ignore[misc]
    """Gives the calibration one photo at a time."""

    def __init__(self, inputs: Sequence[Inputs]) -> None:
        self._inputs = iter(inputs)

    def get_next(self) -> dict[str, Inputs] | None:
        photo = next(self._inputs, None)
        return None if photo is None else {"photos": photo}


def calibration_photos(data: Path, count: int) -> list[Path]:
    """Return ``count`` photos, evenly spread over those of ``tools/fit_projection.py``."""
    spec = importlib.util.spec_from_file_location("fit_projection", FITTER)
    assert spec is not None and spec.loader is not None
    fitter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fitter)
    photos: list[Path] = fitter.fitting_photos(data)
    return [photos[place] for place in np.linspace(0, len(photos) - 1, count).astype(int)]


def fold_casts(network: onnx.ModelProto) -> None:
    """Replace weights that are stored as float16 and cast when the file is loaded by float32 weights."""
    weights = {weight.name: weight for weight in network.graph.initializer}
    folded = [node for node in network.graph.node if node.op_type == "Cast" and node.input[0] in weights]
    for node in folded:
        values = numpy_helper.to_array(weights[node.input[0]]).astype(np.float32)
        network.graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
        network.graph.node.remove(node)
    for name in {node.input[0] for node in folded}:
        network.graph.initializer.remove(weights[name])


def first_layers(network: onnx.ModelProto) -> list[str]:
    """Return the names of all nodes up to the end of the first :data:`EXACT_LAYERS` convolutions."""
    nodes = list(network.graph.node)
    convolutions = [place for place, node in enumerate(nodes) if node.op_type == "Conv"]
    return [node.name for node in nodes[: convolutions[EXACT_LAYERS]]]


def weight_ranges(network: onnx.ModelProto) -> dict[str, list[dict[str, Any]]]:
    """Return the range of every channel of the weights that are quantized: wide enough for :data:`PAIR_LIMIT`."""
    weights = {weight.name: weight for weight in network.graph.initializer}
    exact, ranges = set(first_layers(network)), {}
    for node in network.graph.node:
        if node.op_type != "Conv" or node.name in exact:
            continue
        values = numpy_helper.to_array(weights[node.input[1]])
        if values.shape[1] == 1:  # of one channel each: nothing is added
            continue
        largest = np.abs(values).max(axis=(1, 2, 3))
        rows = values.transpose(0, 2, 3, 1).reshape(len(values), -1)
        pairs = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).reshape(len(values), -1, 2)
        sums = np.maximum(np.maximum(pairs, 0).sum(2), np.maximum(-pairs, 0).sum(2)).max(axis=1)
        widest = np.maximum(largest, sums * (127 / PAIR_LIMIT))
        ranges[node.input[1]] = [
            {"quant_type": QuantType.QInt8, "axis": 0, "symmetric": True, "rmin": -one, "rmax": one} for one in widest
        ]
    return ranges


def quantize(source: Path, target: Path, photos: Sequence[Inputs], percentile: float) -> None:
    """Write the int8 network; ``photos`` set the ranges of the activations."""
    with tempfile.TemporaryDirectory() as folder:
        plain, prepared = Path(folder) / "float32.onnx", Path(folder) / "prepared.onnx"
        network = onnx.load(source)
        fold_casts(network)
        onnx.save(network, plain)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        network = onnx.load(prepared)
        for node in network.graph.node:
            node.name = node.name or f"{node.op_type}_{node.output[0]}"
        onnx.save(network, prepared)
        quantize_static(
            prepared,
            target,
            PhotoReader(photos),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTIZED,
            nodes_to_exclude=first_layers(network),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": percentile, "TensorQuantOverrides": weight_ranges(network)},
        )


def compare(source: Path, target: Path, photos: Sequence[Inputs]) -> None:
    """Print how near the outputs are, and what both networks cost, taking turns."""
    sessions = [open_session(str(path), 1) for path in (source, target)]
    outputs = [output.name for output in sessions[0].get_outputs()]
    cosines = np.zeros((len(photos), len(outputs)))
    for number, photo in enumerate(photos):
        exact, quantized = ([row[0] for row in session.run(outputs, {"photos": photo})] for session in sessions)
        for column, (a, b) in enumerate(zip(exact, quantized, strict=True)):
            cosines[number, column] = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    for column, name in enumerate(outputs):
        print(f"{name}: cosine {cosines[:, column].mean():.4f}, smallest {cosines[:, column].min():.4f}")
    times = np.zeros((ROUNDS, 2))
    for turn in times:
        for column, session in enumerate(sessions):
            started = time.process_time()
            session.run(outputs, {"photos": photos[0]})
            turn[column] = 1e3 * (time.process_time() - started)
    exact_ms, quantized_ms = np.median(times, axis=0)
    ratio = np.median(times[:, 1] / times[:, 0])
    sizes = " -> ".join(f"{path.stat().st_size / 1e6:.1f} MB" for path in (source, target))
    print(f"CPU time {exact_ms:.1f} -> {quantized_ms:.1f} ms, ratio {ratio:.2f}; {sizes}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", type=Path, default=shipped_file("efficientnet-lite2"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=40, help="Number of photos that set the ranges. [default: 40]")
    parser.add_argument("--percentile", type=float, default=PERCENTILE)
    options = parser.parse_args()
    card, settings = ModelCard("bare", 260, layout="NHWC", dtype="uint8"), Settings()
    paths = calibration_photos(options.data, options.photos + CHECKED_PHOTOS)
    pictures = (decode_photo(path.read_bytes(), settings, shortest=card.side) for path in paths)
    inputs = [network_input(picture.pixels, card)[None] for picture in pictures]
    checked = inputs[:: max(1, len(inputs) // CHECKED_PHOTOS)][:CHECKED_PHOTOS]
    used = [photo for photo in inputs if not any(photo is other for other in checked)]
    quantize(options.backbone, options.out, used[: options.photos], options.percentile)
    compare(options.backbone, options.out, checked)


if __name__ == "__main__":
    main()
