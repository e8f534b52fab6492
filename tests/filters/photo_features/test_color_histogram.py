"""Histograms and palettes by loops, and that agreement means what people see."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.photo_features.color_histogram import (
    ANCHOR_COUNT,
    ANCHOR_HEXES,
    ANCHOR_LABS,
    ANCHOR_NAMES,
    BASIC_COLORS,
    FINE_SIZE,
    color_distribution,
    fine_and_palette,
    fine_histograms,
    palette,
    parse_palette,
)
from shoplens.filters.photo_features.pixels import Floats, oklab_to_linear_rgb, rgb_to_oklab
from shoplens.types import Pixels

L_BINS, A_BINS, B_BINS = 7, 9, 9


def plain(color: str, side: int = 24) -> Floats:
    rgb = np.full((side, side, 3), tuple(bytes.fromhex(color[1:])), np.uint8)
    return rgb_to_oklab(rgb)


def everywhere(lab: Floats) -> Floats:
    return np.ones(lab.shape[:2], np.float32)


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def agreement(left: Floats, right: Floats) -> float:
    return float(np.sqrt(left * right).sum())


def spot(value: float, bins: int) -> float:
    value = max(-0.26, min(0.26, value)) / 0.26
    return (math.copysign(math.sqrt(abs(value)), value) + 1) / 2 * (bins - 1)


def centre_weight(y: int, x: int, height: int, width: int) -> float:
    return math.exp(-((((y + 0.5) / height - 0.5) / 0.30) ** 2) - (((x + 0.5) / width - 0.5) / 0.22) ** 2)


def shares_by_loop(lab: Floats) -> dict[tuple[int, int, int], float]:
    """The 8 bins around one colour."""
    spots = (min(1.0, max(0.0, float(lab[0]))) * (L_BINS - 1), spot(lab[1], A_BINS), spot(lab[2], B_BINS))
    result = {}
    for bins in product(range(L_BINS), range(A_BINS), range(B_BINS)):
        share = math.prod(max(0.0, 1 - abs(bin_ - place)) for bin_, place in zip(bins, spots, strict=True))
        if share > 0:
            result[bins] = share
    return result


@pytest.fixture(scope="module")
def reachable_bins() -> list[tuple[int, int, int]]:
    """The bins nearest to a colour of sRGB."""
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    cube = rgb_to_oklab(np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3))[0].astype(np.float64)
    chroma = np.clip(cube[:, 1:] / 0.26, -1, 1)
    nearest = np.c_[cube[:, 0] * 6, (np.sign(chroma) * np.sqrt(np.abs(chroma)) + 1) * 4].round().astype(int)
    return sorted({(int(light), int(a), int(b)) for light, a, b in nearest})


def test_fine_counts_the_bins_that_srgb_reaches(reachable_bins: list[tuple[int, int, int]]) -> None:
    assert 2 * len(reachable_bins) == FINE_SIZE


def test_fine_histograms_by_loops(reachable_bins: list[tuple[int, int, int]]) -> None:
    lab = rgb_to_oklab(noise(5, 4))
    mask = np.random.default_rng(4).random((5, 4), dtype=np.float32)
    mask[0, 0] = 0
    whole, middle = dict.fromkeys(reachable_bins, 0.0), dict.fromkeys(reachable_bins, 0.0)
    for y, x in product(range(5), range(4)):
        for bins, share in shares_by_loop(lab[y, x]).items():
            if bins in whole:
                whole[bins] += share * float(mask[y, x])
                middle[bins] += share * float(mask[y, x]) * centre_weight(y, x, 5, 4)
    expected = [math.sqrt(sums[bins] / sum(sums.values())) for sums in (whole, middle) for bins in reachable_bins]
    result = fine_histograms(lab, mask)
    assert result.dtype == np.float32
    assert result == pytest.approx(np.array(expected), abs=1e-4)


@pytest.mark.parametrize("shape", [(96, 96), (1, 30), (30, 1), (1, 1)])
def test_each_histogram_is_a_unit_vector(shape: tuple[int, int]) -> None:
    lab = rgb_to_oklab(noise(*shape))
    result = fine_histograms(lab, everywhere(lab)).reshape(2, -1)
    assert np.linalg.norm(result, axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_without_a_foreground_every_pixel_counts() -> None:
    lab = rgb_to_oklab(noise(9, 9))
    for measure in (fine_histograms, palette):
        assert (measure(lab, np.zeros((9, 9), np.float32)) == measure(lab, everywhere(lab))).all()


def test_the_background_does_not_count() -> None:
    lab, other = plain("#aa2233"), plain("#22cc55")
    mask = np.zeros((24, 24), np.float32)
    mask[8:16, 8:16] = 1
    both = np.where(mask[..., None] > 0, lab, other)
    assert fine_histograms(both, mask) == pytest.approx(fine_histograms(lab, mask), abs=1e-6)
    assert palette(both, mask) == pytest.approx(palette(lab, mask), abs=1e-6)


def palette_by_loop(lab: Floats) -> list[float]:
    """One colour's share in every anchor."""
    near = [(l1 - lab[0]) ** 2 + 4 * (a1 - lab[1]) ** 2 + 4 * (b1 - lab[2]) ** 2 for l1, a1, b1 in ANCHOR_LABS.tolist()]
    gaussians = [math.exp(-distance / (2 * 0.12**2)) for distance in near]
    fourth = sorted(gaussians)[-4]
    shares = [max(0.0, gaussian - fourth) for gaussian in gaussians]
    return [share / sum(shares) for share in shares]


def test_palette_by_loops() -> None:
    cell = 1 / 64
    colours = np.array([[40, -3, 5], [41, -3, 4], [20, 2, 3], [55, 9, -6], [30, 0, 0], [60, 1, 9]]) * cell
    lab = colours.reshape(2, 3, 3).astype(np.float32)
    mask = np.array([[1, 0.5, 0], [0.2, 1, 1]], np.float32)
    sums = np.zeros(ANCHOR_COUNT)
    for y, x in product(range(2), range(3)):
        sums += np.array(palette_by_loop(lab[y, x])) * float(mask[y, x]) * centre_weight(y, x, 2, 3)
    sums[sums < np.sort(sums)[-8]] = 0
    result = palette(lab, mask)
    assert (result.shape, result.dtype) == ((ANCHOR_COUNT,), np.float32)
    assert result == pytest.approx(sums / sums.sum(), abs=1e-4)


def test_a_palette_is_a_short_distribution() -> None:
    lab = rgb_to_oklab(noise(96, 96))
    result = palette(lab, everywhere(lab))
    assert result.sum() == pytest.approx(1, abs=1e-6)
    assert np.count_nonzero(result) == 8
    assert np.count_nonzero(parse_palette("#345678")) <= 3


@pytest.mark.parametrize(
    ("left", "right", "least", "most"),
    [
        ("#a8c8e8", "#b8d4f0", 0.8, 1),
        ("#a8c8e8", "#9bbce0", 0.8, 1),
        ("#1c2a52", "#26386a", 0.8, 1),
        ("#2a62c4", "#d0202a", 0, 0.15),
        ("#ffffff", "#000000", 0, 0.01),
        ("#808080", "#d0202a", 0, 0.15),
    ],
)
def test_the_agreement_of_two_colours_follows_perception(left: str, right: str, least: float, most: float) -> None:
    first, second = plain(left), plain(right)
    for value in (
        agreement(parse_palette(left), parse_palette(right)),
        agreement(palette(first, everywhere(first)), palette(second, everywhere(second))),
    ):
        assert least <= value <= most + 1e-6


def test_neighbouring_shades_always_agree() -> None:
    steps = np.linspace(0, 255, 86).astype(int)
    for shades in ([f"#{s:02x}{s:02x}{s:02x}" for s in steps], [f"#{s:02x}40{255 - s:02x}" for s in steps]):
        palettes = [parse_palette(shade) for shade in shades]
        assert min(agreement(left, right) for left, right in pairwise(palettes)) > 0.8


def test_a_colour_of_one_photo_is_the_colour_by_name() -> None:
    """But for what the cells of 1/64 round off."""
    by_name = []
    for name in BASIC_COLORS:
        lab = np.tile(np.array(BASIC_COLORS[name], np.float32), (24, 24, 1))
        by_name.append(agreement(palette(lab, everywhere(lab)), parse_palette(name)))
    assert min(by_name) > 0.85
    assert np.mean(by_name) > 0.96


def test_every_colour_of_srgb_has_a_cell() -> None:
    """Also the strongest: each is nearer to what its palette is made of than to the opposite colour."""
    for color in ("#ff0000", "#00ff00", "#0000ff", "#ffff00", "#00ffff", "#ff00ff", "#000000", "#ffffff"):
        lab = plain(color, 4)
        assert agreement(palette(lab, everywhere(lab)), parse_palette(color)) > 0.85


def test_histogram_and_palette_together_equal_each_alone() -> None:
    lab = rgb_to_oklab(noise(9, 8))
    mask = np.random.default_rng(4).random((9, 8), dtype=np.float32)
    fine, colours = fine_and_palette(lab, mask)
    assert (fine == fine_histograms(lab, mask)).all()
    assert (colours == palette(lab, mask)).all()


@pytest.mark.parametrize(
    ("text", "same"),
    [("Navy", "#000080"), ("light blue", "#ADD8E6"), ("gray", "grey"), ("#f00", "#ff0000"), (" Red ", "#d0202a")],
)
def test_ways_to_write_a_colour(text: str, same: str) -> None:
    assert (parse_palette(text) == parse_palette(same)).all()


@pytest.mark.parametrize("text", ["", "reddish", "#12345", "#gggggg", "#11223344", "rgb(1,2,3)", "ff0000"])
def test_a_text_that_names_no_colour_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"Write #rrggbb, e\.g\. #2a62c4, .* black, white") as caught:
        parse_palette(text)
    assert caught.value.code == "unknown-color"


def test_anchors_are_distinct_colours_of_srgb() -> None:
    assert ANCHOR_LABS.shape == (ANCHOR_COUNT, 3)
    assert len(set(ANCHOR_HEXES)) == len(ANCHOR_NAMES) == ANCHOR_COUNT == 48
    light = oklab_to_linear_rgb(ANCHOR_LABS)
    assert light.min() > -1e-3
    assert light.max() < 1 + 1e-3
    for lab, color in zip(ANCHOR_LABS, ANCHOR_HEXES, strict=True):
        assert plain(color, 1)[0, 0] == pytest.approx(lab, abs=0.01)


def test_anchors_are_named_after_basic_colours() -> None:
    assert {name.split()[-1] for name in ANCHOR_NAMES} == set(BASIC_COLORS)
    assert ANCHOR_NAMES[0] == "black"
    assert ANCHOR_NAMES[7] == "white"
    assert {"dark blue", "light blue", "dark green", "light grey"} <= set(ANCHOR_NAMES)


@pytest.mark.parametrize("name", BASIC_COLORS)
def test_basic_colours_are_named_so(name: str) -> None:
    position = list(BASIC_COLORS).index(name)
    assert color_distribution(BASIC_COLORS[name]).argmax() == position
    assert color_distribution(parse_palette(name)).sum() == pytest.approx(1, abs=1e-5)


def test_color_names_of_several_colours() -> None:
    colours = np.array([plain("#1c2a52", 1)[0, 0], plain("#ffffff", 1)[0, 0]])
    result = color_distribution(colours)
    assert (result.shape, result.dtype) == ((2, len(BASIC_COLORS)), np.float32)
    assert [list(BASIC_COLORS)[place] for place in result.argmax(axis=1)] == ["blue", "white"]
    expected = parse_palette("green").astype(np.float64) @ color_distribution(ANCHOR_LABS)
    assert color_distribution(parse_palette("green")) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", [(), (4,), (3, 5)])
def test_color_distributions_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidValue, match="last axis must be 3 or 48"):
        color_distribution(np.zeros(shape))
