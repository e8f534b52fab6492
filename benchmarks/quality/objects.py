"""How well the things in a photo are found one by one, and what searching for each of them finds.

    python -m benchmarks.quality.objects --data ../shared/data --folder FOLDER

Boxes: recall and precision at an intersection over union (IoU) of .5, each given box matched to at most one found box,
and the mean IoU of the best found box, on drawn scenes of one to five products, whose boxes are exact, and on the
photos of ``street``, where people drew the box of one thing only, so precision means little. The thresholds of
:func:`~shoplens.images.objects.find_objects` were chosen on other drawn scenes and on ``street``.

Searches: R@1 of ``street`` for the whole photo, for the given box, and for the box of the largest thing; and in how
many cases a product of a drawn scene is first for one of the things, or is among as many first results of the whole
photo as there are things. Stores are made in FOLDER when they are not there.

Matches: how often :func:`~shoplens.search.objects.match_regions.match_regions` names the right one of the things of a
scene for the catalogue photo of one of them; how many of the places then lie within a fifth of the box of where they
should; and the similarity of places for the right product, and for a random other one.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.tables import default_data, machine_line
from shoplens import Shop
from shoplens.embedders.graph.map_network import MapNetwork
from shoplens.embedders.onnx import OnnxEmbedder
from shoplens.images import decode_photo
from shoplens.images.objects import FoundObject, find_object, find_objects
from shoplens.rendered import SHAPES, ProductSpec, product_photo, render_catalogue, specs
from shoplens.rendered.scene_photo import ScenePhoto, scene_photo
from shoplens.rendered.words import product_id
from shoplens.search.objects.match_regions import match_regions
from shoplens.settings import Settings
from shoplens.types import Mask, MatchPoint, MatchRegions, Region

SCENES, FIRST_SEED, PRODUCTS = 150, 1000, 120
MIN_IOU = 0.5


@dataclass(frozen=True, eq=False)
class LabelledMask:
    """The mask of a photo of this size, and the given boxes."""

    mask: Mask
    size: tuple[int, int]
    boxes: tuple[Region, ...]


def drawn_scenes(products: int) -> Iterator[tuple[Sequence[ProductSpec], ScenePhoto]]:
    """Yield scenes of one to five products of a drawn shop of so many; a third of them of things that stand."""
    rng = np.random.default_rng(FIRST_SEED)
    everything = [one for one in specs(products) if "Furniture" not in SHAPES[one.shape].category]
    lying = [one for one in everything if not SHAPES[one.shape].stands]
    standing = [one for one in everything if SHAPES[one.shape].stands]
    for number in range(SCENES):
        pool = standing if number % 3 == 2 else lying
        count = 1 + number % (4 if pool is standing else 5)
        chosen = [pool[int(place)] for place in rng.choice(len(pool), count, replace=False)]
        yield chosen, scene_photo(chosen, FIRST_SEED + number)


def street_rows(data: Path) -> list[dict[str, str]]:
    with (data / "street/box.csv").open() as file:
        return list(csv.DictReader(file))


def street_masks(data: Path, embedder: OnnxEmbedder) -> Iterator[LabelledMask]:
    for row in street_rows(data):
        content = (data / "street" / row["photo"]).read_bytes()
        picture = decode_photo(content, Settings(), shortest=embedder.min_side)
        mask = embedder.find_mask(picture.pixels)
        yield LabelledMask(mask, (picture.width, picture.height), (Region.parse(row["region"]),))


def overlap(one: Region, two: Region) -> float:
    wide = min(one.x + one.width, two.x + two.width) - max(one.x, two.x)
    high = min(one.y + one.height, two.y + two.height) - max(one.y, two.y)
    common = max(wide, 0) * max(high, 0)
    return common / (one.width * one.height + two.width * two.height - common)


def box_line(name: str, masks: Sequence[LabelledMask]) -> str:
    """A row of the table: boxes found, recall, precision, mean IoU of the best, milliseconds."""
    given = sum(len(one.boxes) for one in masks)
    hits, found, best, seconds = 0, 0, list[float](), list[float]()
    for one in masks:
        start = time.perf_counter()
        objects: tuple[FoundObject, ...] = find_objects(one.mask)
        seconds.append(time.perf_counter() - start)
        boxes = [thing.region(*one.size) for thing in objects]
        found += len(boxes)
        best += [max((overlap(box, truth) for box in boxes), default=0.0) for truth in one.boxes]
        hits += matches(boxes, one.boxes)
    figures = f"{found / len(masks):.2f} | {hits / given:.3f} | {hits / found:.3f} | {np.mean(best):.3f}"
    return f"| {name} | {len(masks)} | {given} | {figures} | {1000 * np.median(seconds):.2f} |"


def matches(boxes: Sequence[Region], given: Sequence[Region]) -> int:
    """How many given boxes have a found box of their own, the best pairs first."""
    pairs = [(overlap(box, truth), i, j) for i, box in enumerate(boxes) for j, truth in enumerate(given)]
    left, right = set[int](), set[int]()
    for value, i, j in sorted(pairs, reverse=True):
        if value >= MIN_IOU and i not in left and j not in right:
            left.add(i)
            right.add(j)
    return len(left)


def street_searches(data: Path, folder: Path, masks: Sequence[LabelledMask]) -> Iterator[str]:
    """Rows with R@1 and R@10 of ``street`` for parts of its photos."""
    rows = street_rows(data)
    if not (folder / "street").is_dir():
        Shop.index(data / "street/catalogue.jsonl", folder / "street")[0].close()
    parts: dict[str, list[Region | FoundObject | None]] = {
        "whole photo": [None for _ in rows],
        "given box": [one.boxes[0] for one in masks],
        "largest thing": [next(iter(find_objects(one.mask)), None) for one in masks],
        "all that is inside": [find_object(one.mask) for one in masks],
    }
    with Shop(folder / "street") as shop:
        for name, regions in parts.items():
            file = folder / f"street-{name.replace(' ', '-')}.csv"
            with file.open("w", newline="") as opened:
                writer = csv.writer(opened)
                writer.writerow(["photo", "product_id", "region"])
                for row, one, part in zip(rows, masks, regions, strict=True):
                    box = part.region(*one.size) if isinstance(part, FoundObject) else part
                    text = "" if box is None else f"{box.x},{box.y},{box.width},{box.height}"
                    writer.writerow([data.resolve() / "street" / row["photo"], row["product_id"], text])
            overall = shop.quality.evaluate(file).overall
            recalls = [f"{100 * overall[metric].value:.1f}" for metric in ("recall@1", "recall@10")]
            yield f"| street, {name} | {len(rows)} | {' | '.join(recalls)} |"


def scene_searches(folder: Path) -> Iterator[str]:
    """Rows with the share of the products of drawn scenes that are found."""
    if not (folder / "drawn/store").is_dir():
        feed = render_catalogue(folder / "drawn", PRODUCTS, queries=0).feed
        Shop.index(feed, folder / "drawn/store")[0].close()
    hits = {"whole photo": [0, 0], "each thing": [0, 0]}
    with Shop(folder / "drawn/store") as shop:
        for products, scene in drawn_scenes(PRODUCTS):
            file = folder / "scene.png"
            scene.picture.save(file)
            answer = shop.search(file, k=len(products), objects=True)
            several = len(products) > 1
            wanted = {product_id(one.number) for one in products}
            whole = {one.product.id for one in answer.results}
            by_thing = {one.results[0].product.id for one in answer.object_answers}
            for name, found in (("whole photo", whole), ("each thing", by_thing)):
                hits[name][several] += len(wanted & found)
    counts = [1 + number % (4 if number % 3 == 2 else 5) for number in range(SCENES)]
    one, more = sum(n for n in counts if n == 1), sum(n for n in counts if n > 1)
    for name, (alone, beside) in hits.items():
        yield f"| drawn scenes, {name} | {100 * alone / one:.1f} of {one} | {100 * beside / more:.1f} of {more} |"


def match_lines(embedder: OnnxEmbedder) -> Iterator[str]:
    """Sentences about the places that scenes and catalogue photos share; every fourth scene."""
    compute = MapNetwork(embedder).compute
    right, near, same, other = list[bool](), list[bool](), list[float](), list[float]()
    scenes = [scene for scene in drawn_scenes(1500) if len(scene[0]) > 1][::4]
    strangers = [one for one in list(specs(1500))[700:] if "Furniture" not in SHAPES[one.shape].category]
    for number, (products, scene) in enumerate(scenes):
        photo = np.asarray(scene.picture)
        for product, box in zip(products[:2], scene.boxes, strict=False):
            matched = match_regions(photo, np.asarray(product_photo(product)), compute)
            right.append(matched is not None and overlap(matched.query, box) > MIN_IOU / 2)
            if matched is not None and right[-1]:
                same += [point.similarity for point in matched.points]
                near += [_distance(point, matched) < 0.2 for point in matched.points]
        matched = match_regions(photo, np.asarray(product_photo(strangers[number])), compute)
        other += [] if matched is None else [point.similarity for point in matched.points]
    yield f"right thing: {100 * np.mean(right):.1f} % of {len(right)}; places near: {100 * np.mean(near):.1f} %"
    yield f"places: {len(same) / max(sum(right), 1):.1f} with the product, {len(other) / len(scenes):.1f} with another"


def _distance(point: MatchPoint, matched: MatchRegions) -> float:
    """Distance of the two places of a match within the boxes, in shares of their sides."""
    query, product = (
        np.array([(x - box.x) / box.width, (y - box.y) / box.height])
        for (x, y), box in ((point.query, matched.query), (point.product, matched.product))
    )
    return float(np.hypot(*(query - product)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    embedder = OnnxEmbedder(threads=1)
    street = list(street_masks(given.data, embedder))
    drawn = [
        LabelledMask(embedder.find_mask(np.asarray(scene.picture)), scene.picture.size, scene.boxes)
        for _, scene in drawn_scenes(1500)
    ]
    print("| photos | photos | given boxes | found a photo | recall | precision | IoU of the best | ms |")
    print("|---|---|---|---|---|---|---|---|")
    print(box_line("drawn scenes", drawn))
    print(box_line("street", street))
    print("\n| searched for | photos | R@1 | R@10 |\n|---|---|---|---|")
    for line in street_searches(given.data, given.folder, street):
        print(line, flush=True)
    print("\n| searched for | products of scenes of one | of two to five |\n|---|---|---|")
    for line in scene_searches(given.folder):
        print(line, flush=True)
    print()
    for line in match_lines(embedder):
        print(line, flush=True)
    print(machine_line("onnxruntime", "numpy"))


if __name__ == "__main__":
    main()
