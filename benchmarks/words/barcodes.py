"""Barcodes in photos: how many are read, and whether any gives another product.

    python -m benchmarks.words.barcodes --photos 500 --seed 23

Draws phone photos of 900 x 1,200 and 1,200 x 1,600 pixels: a label with a code and lines of print, seen at an angle and
turned by any angle, pasted into a drawn scene of the package ``rendered``, blurred, lit unevenly, with noise, as JPEG.
Five sorts of code; a quarter of the photos have a code that no product has, or none at all.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

from benchmarks.tables import default_data, machine_line
from shoplens import Shop
from shoplens.images import decode_photo
from shoplens.images.decode import decode_grey
from shoplens.reading.barcodes import Grey, read_barcodes
from shoplens.rendered.phone import KINDS, phone_photo
from shoplens.rendered.specs import spec_of
from shoplens.rendered.studio import product_photo
from shoplens.settings import Settings
from shoplens.types.gtin import check_digit, expand_upc_e, normalize_gtin

SORTS = ("EAN-13", "EAN-13", "EAN-8", "UPC-A", "UPC-E", "QR", "unknown code", "no code")
"""Of the photos, in turn."""
FORMATS = {
    "EAN-13": "EAN13",
    "EAN-8": "EAN8",
    "UPC-A": "UPCA",
    "UPC-E": "UPCE",
    "QR": "QRCode",
    "unknown code": "EAN13",
}
SCENES = tuple(kind for kind in KINDS if kind != "blur")
Rng = np.random.Generator
PRODUCTS, REAL, SHORTEST = 60, 250, 260
"""Products in the shop; real photos of a kind; pixels that the shipped network needs."""
MODULES = ((1.5, "under 1.5"), (2.0, "1.5 to 2"), (3.0, "2 to 3"), (np.inf, "3 and more"))


@dataclass(frozen=True, slots=True)
class CodePhoto:
    """A drawn photo.

    Attributes:
        sort: of :data:`SORTS`.
        gtin: of the code, as the feed would write it; empty for none.
        data: JPEG.
        module: pixels of the narrowest bar.
    """

    sort: str
    gtin: str
    data: bytes
    module: float


def draw_photos(count: int, seed: int) -> Iterator[CodePhoto]:
    """Yield photos; the same ones for the same seed."""
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        yield draw_photo(SORTS[number % len(SORTS)], number, rng)


def draw_photo(sort: str, number: int, rng: Rng) -> CodePhoto:
    """Draw one photo of this sort."""
    size = ((900, 1200), (1200, 1600))[int(rng.integers(2))]
    scene = phone_photo(spec_of(1 + number % 200, 5), number, SCENES[number % len(SCENES)])
    picture = scene.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    gtin, module = "", 0.0
    if sort != "no code":
        gtin, content = draw_number(sort, rng)
        label = draw_label(sort, content, rng)
        share = float(rng.uniform(0.17, 0.65))
        module = paste_label(picture, label, share, rng)
    return CodePhoto(sort, gtin, photograph(picture, rng), module)


def draw_number(sort: str, rng: Rng) -> tuple[str, str]:
    """Return a GTIN that no company has been given (prefixes 952 and 0 00), and the content of its code."""

    def complete(prefix: str, length: int) -> str:
        body = prefix + "".join(map(str, rng.integers(0, 10, length - 1 - len(prefix))))
        return f"{body}{check_digit(body)}"

    if sort == "EAN-8":
        return (gtin := complete("952", 8)), gtin
    if sort == "UPC-A":
        return (gtin := complete("0", 12)), gtin
    if sort == "UPC-E":
        short = "0" + "".join(map(str, [*rng.integers(3, 10, 5), rng.integers(10)]))
        long = expand_upc_e(short + "0")[:11]
        gtin = f"{long}{check_digit(long)}"
        return gtin, f"{short}{gtin[-1]}"
    gtin = complete("952", 13)
    if sort == "QR":
        return gtin, f"https://id.example.com/01/{gtin.zfill(14)}/10/L{int(rng.integers(1000))}?17=271231"
    return gtin, gtin


def draw_label(sort: str, content: str, rng: Rng) -> tuple[Image.Image, Image.Image, float]:
    """Return a label, its mask, and the share of its width that one module takes."""
    code = zxingcpp.create_barcode(content, getattr(zxingcpp.BarcodeFormat, FORMATS[sort]))
    drawn = Image.fromarray(np.array(zxingcpp.write_barcode_to_image(code, scale=8, add_quiet_zones=True)))
    drawn = drawn.convert("L")
    if sort != "QR":
        drawn = drawn.resize((drawn.width, round(drawn.width * float(rng.uniform(0.4, 0.7)))), Image.Resampling.NEAREST)
    margin = round(drawn.width * 0.05)
    lines = int(rng.integers(0, 5))
    height = drawn.height + 2 * margin + lines * 60
    paper = tuple(int(channel) for channel in rng.integers(215, 256, 3))
    ink = tuple(int(channel) for channel in rng.integers(0, 60, 3))
    label = Image.new("RGB", (drawn.width + 2 * margin, height), paper)
    label.paste(Image.new("RGB", drawn.size, ink), (margin, margin), drawn.point(lambda value: 255 - value))
    pen = ImageDraw.Draw(label)
    for line in range(lines):
        left = margin
        while left < label.width - 2 * margin:
            width = int(rng.integers(20, 90))
            pen.rectangle(
                (left, height - (line + 1) * 60, min(left + width, label.width - margin), height - line * 60 - 25), ink
            )
            left += width + 18
    return label, Image.new("L", label.size, 255), 8 / label.width


def paste_label(picture: Image.Image, drawn: tuple[Image.Image, Image.Image, float], share: float, rng: Rng) -> float:
    """Paste a label, as a camera sees it at an angle; return the pixels of a module."""
    label, mask, module = drawn
    width = share * picture.width
    height = width * label.height / label.width
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([width, height]) / 2
    turn, tilt, lean = rng.uniform(-np.pi, np.pi), np.radians(rng.uniform(0, 35)), rng.uniform(-np.pi, np.pi)
    if rng.random() < 0.5:  # half of all people hold the code upright
        turn = rng.normal(0, 0.12)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    axis = np.array([np.cos(lean), np.sin(lean)])
    across = np.array([-axis[1], axis[0]])
    flat = corners @ rotation.T
    depth = 1 + (flat @ across) * np.sin(tilt) / (1.6 * picture.width)
    seen = (np.outer(flat @ axis, axis) + np.outer(flat @ across * np.cos(tilt), across)) / depth[:, None]
    low, high = seen.min(0), seen.max(0)
    room = np.array(picture.size) - (high - low)
    place = rng.uniform(0, 1, 2) * np.maximum(room, 0) - low
    target = seen + place
    source = np.array([[0, 0], [label.width, 0], [label.width, label.height], [0, label.height]], float)
    rows, values = [], []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    warp = np.linalg.solve(np.array(rows), np.array(values))
    factor = max(1, int(label.width / width / 1.5))
    small = label.reduce(factor) if factor > 1 else label
    scale = np.array([factor] * 6 + [1, 1], float)
    data = tuple(warp / scale)
    shape = picture.size
    over = small.transform(shape, Image.Transform.PERSPECTIVE, data, Image.Resampling.BICUBIC)
    where = mask.reduce(factor).transform(shape, Image.Transform.PERSPECTIVE, data, Image.Resampling.BICUBIC)
    picture.paste(over, (0, 0), where)
    return module * width


def photograph(picture: Image.Image, rng: Rng) -> bytes:
    """Return the JPEG of a picture, blurred, lit unevenly, with noise."""
    picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 1.1)) * picture.width / 1200))
    pixels = np.asarray(picture, np.float32)
    height, width = pixels.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * np.linspace(-1, 1, width)[None] + np.sin(angle) * np.linspace(-1, 1, height)[:, None]
    light = float(rng.uniform(0.55, 1.1)) * (1 + float(rng.uniform(0, 0.45)) * slope / 1.42)
    noise = rng.normal(0, float(rng.uniform(1, 6)), (height, width, 1))
    lit = np.clip(pixels * light[..., None] + noise, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(lit).save(file, "JPEG", quality=int(rng.integers(60, 93)))
    return file.getvalue()


def index_products(folder: Path, photos: Sequence[CodePhoto]) -> tuple[Shop, dict[str, str]]:
    """Index drawn products that share out the codes of the photos, and return the shop, and GTIN -> product.

    The thing in a photo is another one than the product with its code, so the look cannot help. Feeds write numbers
    in different forms, in turn.
    """
    known = sorted({photo.gtin for photo in photos if photo.gtin and photo.sort != "unknown code"})
    codes: dict[str, list[str]] = {f"p{number}": [] for number in range(1, PRODUCTS + 1)}
    owners = {}
    for number, gtin in enumerate(known):
        owner = f"p{1 + number % PRODUCTS}"
        owners[gtin] = owner
        codes[owner].append((gtin, gtin.zfill(14), f"{gtin[:1]} {gtin[1:]}")[number // PRODUCTS % 3])
    rows = []
    for number in range(1, PRODUCTS + 1):
        name = f"p{number}.jpg"
        product_photo(spec_of(number, 5)).convert("RGB").save(folder / name, quality=92)
        rows.append({"id": f"p{number}", "title": name, "photos": [name], "identifiers": codes[f"p{number}"]})
    feed = folder / "feed.jsonl"
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return Shop.index(feed, folder / "store", settings=Settings(threads=1))[0], owners


def search_photos(count: int, seed: int) -> None:
    """Draw and search the photos, and print a row for each sort."""
    photos = list(draw_photos(count, seed))
    told: dict[str, Counter[str]] = {sort: Counter() for sort in dict.fromkeys(SORTS)}
    by_module: dict[str, list[bool]] = {}
    with tempfile.TemporaryDirectory() as name:
        shop, owners = index_products(Path(name), photos)
        with shop:
            for photo in photos:
                answer = shop.search(photo.data, k=10)
                counts, owner = told[photo.sort], owners.get(photo.gtin, "")
                coded = [one.product.id for one in answer.results if one.barcode]
                read = normalize_gtin(photo.gtin) in {normalize_gtin(text) for text in answer.barcodes}
                counts["photos"] += 1
                counts["read"] += bool(photo.gtin) and read
                counts["right"] += answer.verdict == "exact" and coded == [owner]
                counts["wrong product"] += bool(coded) and coded != [owner]
                others = [one for one in answer.barcodes if normalize_gtin(one) != normalize_gtin(photo.gtin)]
                counts["wrong number"] += any(normalize_gtin(one) for one in others)
                counts["wrong check digit"] += any(not normalize_gtin(one) for one in others)
                if photo.gtin:
                    size = next(name for limit, name in MODULES if photo.module < limit)
                    by_module.setdefault(size, []).append(read)
    columns = ("photos", "read", "right", "wrong product", "wrong number", "wrong check digit")
    print(
        "| code | photos | read | its product first, `exact` | another product | another number read | an invalid one |"
    )
    print("|---|---|---|---|---|---|---|")
    for sort, counts in told.items():
        print(f"| {sort} | {' | '.join(str(counts[column]) for column in columns)} |")
    print("\n| pixels of the narrowest bar | photos | read |\n|---|---|---|")
    for _, size in MODULES:
        if hits := by_module.get(size):
            print(f"| {size} | {len(hits)} | {100 * np.mean(hits):.1f} % |")


def time_reading(data: Path, seed: int) -> None:
    """Print what reading costs on real photos, of which none has a code."""
    print("\n| photos | number | CPU ms: median | mean | 95th percentile | read at full resolution | numbers read |")
    print("|---|---|---|---|---|---|---|")
    settings = Settings()
    for name in ("luma/media", "grocery/val", "street/phone"):
        files = sorted((data / name).rglob("*.jpg"))
        chosen = np.random.default_rng(seed).permutation(len(files))[:REAL]
        times, enlarged, numbers = [], 0, 0
        for file in (files[place] for place in chosen):
            content = file.read_bytes()
            picture = decode_photo(content, settings, shortest=SHORTEST)
            calls: list[bytes] = []

            def enlarge(content: bytes = content, calls: list[bytes] = calls) -> Grey:
                calls.append(content)
                return decode_grey(content, settings)

            is_reduced = picture.pixels.shape[:2] != (picture.height, picture.width)
            started = time.process_time()
            numbers += len(read_barcodes(picture.pixels, enlarge if is_reduced else None))
            times.append(1e3 * (time.process_time() - started))
            enlarged += len(calls)
        middle, high = np.percentile(times, (50, 95))
        share = 100 * enlarged / len(times)
        print(
            f"| {name} | {len(times)} | {middle:.2f} | {np.mean(times):.2f} | {high:.2f} | {share:.1f} % | {numbers} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--seed", type=int, default=23)
    parser.add_argument(
        "--data", type=Path, default=default_data(), help="folder with real photos, to measure the cost"
    )
    options = parser.parse_args()
    search_photos(options.photos, options.seed)
    time_reading(options.data, options.seed)
    print(f"\n{machine_line('zxing-cpp', 'numpy', 'pillow')}")


if __name__ == "__main__":
    main()
