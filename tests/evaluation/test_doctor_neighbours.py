"""Which products the doctor calls duplicates, hubs and anti-hubs, on vectors whose neighbours can be counted."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from shoplens.evaluation.doctor.duplicates import near_duplicates
from shoplens.evaluation.doctor.findings import Finding, kinds_named, sort_findings
from shoplens.evaluation.doctor.hubs import Hubs, hub_findings
from shoplens.evaluation.doctor.neighbours import NEAR, Draw, neighbourhood
from shoplens.evaluation.doctor.shared_photos import shared_photos
from shoplens.index.protocol import IndexedProduct
from tests.evaluation.placed_products import entry, index_of, silent, turned

HUBS = ("never-found", "always-found")


def test_a_placeholder_is_one_finding_however_many_products_have_it() -> None:
    vector = np.eye(2, dtype=np.float32)
    own = [entry(f"own{number}", vector[:1]) for number in range(3)]
    both = entry("both", vector, ["same", "same"])
    holders = [entry(f"h{number}", vector, [f"photo of h{number}", "placeholder"]) for number in range(6)]
    variants = [entry(f"v{number}", vector[:1], ["shirt"], group_id="shirt") for number in range(2)]
    found = sort_findings(shared_photos(index_of([*own, both, *holders, *variants], 2)))
    assert [(one.product_ids, one.strength) for one in found] == [
        (("h0", "h1", "h2", "h3", "h4", "h5"), 6),
        (("v0", "v1"), 2),
    ]
    assert [one.photo for one in found[0].photos] == [f"/h{number}-1.png" for number in range(4)]
    assert found[0].sentence == "6 products have this photo."
    assert found[1].sentence == "2 variants of one group have this photo."
    assert list(shared_photos(index_of([*own, both], 2))) == []


def duplicates(*entries: IndexedProduct) -> list[Finding]:
    around = neighbourhood(index_of(entries, 2), Draw(), silent)
    return list(sort_findings(near_duplicates(around.twins)))


def test_products_that_look_nearly_the_same() -> None:
    one, other = entry("one", turned(0)), entry("other", turned(11), brand="Acme")  # cosine .982
    (found,) = duplicates(one, other, entry("else", turned(40)))
    assert (found.product_ids, found.kind) == (("one", "other"), "near-duplicates")
    assert found.strength == pytest.approx(np.cos(np.deg2rad(11)), abs=1e-5)
    assert found.feed == "brand"
    assert duplicates(one, entry("other", turned(12))) == [], "cosine .978"
    assert duplicates(one, entry("other", turned(0), ["one0"])) == [], "the same photo is told as such"


def test_a_chain_of_duplicates_is_one_finding() -> None:
    chain = [entry(f"c{number}", turned(10 * number)) for number in range(3)]
    assert [one.product_ids for one in duplicates(*chain)] == [("c0", "c1", "c2")]


def test_variants_that_the_feed_tells_apart_are_no_duplicates() -> None:
    def variant(name: str, color: str, group: str) -> IndexedProduct:
        return entry(name, turned(len(name)), attributes={"color": (color,)}, group_id=group)

    red, blue = variant("r", "red", "shirt"), variant("bb", "blue", "shirt")
    assert duplicates(red, blue) == []
    assert [one.product_ids for one in duplicates(red, variant("rr", "red", "shirt"))] == [("r", "rr")]
    assert [one.product_ids for one in duplicates(red, variant("bb", "blue", "other"))] == [("bb", "r")]


RING = 240


def ring() -> list[IndexedProduct]:
    """Products on a circle, in three dimensions: each is near its five neighbours on either side, and to no others."""
    return [entry(f"p{n:03}", np.pad(turned(360 * n / RING), ((0, 0), (0, 1))).astype(np.float32)) for n in range(RING)]


def hubs(entries: Iterable[IndexedProduct], draw: Draw | None = None) -> Hubs:
    index = index_of(entries, 3)
    return hub_findings(index, neighbourhood(index, draw or Draw(), silent), kinds_named(HUBS))


def test_a_ring_has_no_hubs() -> None:
    assert hubs(ring()) == ([], [])


def test_a_product_that_nothing_is_near_to_is_never_found() -> None:
    lonely = entry("lonely", np.array([[0, 0, 1]], np.float32))
    (found,), notes = hubs([*ring(), lonely])
    assert (found.kind, found.product_ids, found.strength) == ("never-found", ("lonely",), 1.0)
    assert found.sentence.startswith(f"None of {RING + 1} searches finds it among the first {NEAR}.")
    assert notes == []


def test_a_product_that_is_everywhere_is_always_found() -> None:
    everywhere = entry("everywhere", np.concatenate([one.vectors for one in ring()[::8]]))
    (found,), _ = hubs([*ring(), everywhere])
    assert (found.kind, found.product_ids) == ("always-found", ("everywhere",))
    mean = NEAR * (RING + RING / 8) / (RING + 1)
    assert found.strength == pytest.approx(RING / mean)
    assert found.sentence.startswith(f"{RING} of {RING + RING // 8} searches find it")


def test_few_products_have_no_hubs() -> None:
    lonely = entry("lonely", np.array([[0, 0, 1]], np.float32))
    assert hubs([*ring()[:98], lonely]) == ([], ["Hubs are not looked for among 99 products; it takes 100."])
    assert [one.product_ids for one in hubs([*ring()[:99], lonely]).findings] == [("lonely",)]


def test_few_searches_say_nothing_of_what_is_never_found() -> None:
    lonely = entry("lonely", np.array([[0, 0, 1]], np.float32))
    found, notes = hubs([*ring(), lonely], Draw(queries=110, asked=0))
    assert found == []
    assert notes == [
        "Searches were 110 of the store's 241 photos, drawn by a seeded hash.",
        "Which products are never found cannot be said: 110 searches find each of 241 products 4.6 times on average; "
        "it takes 4.6.",
    ]
    enough = hubs([*ring(), lonely], Draw(queries=112, asked=0))
    assert ("lonely",) in [one.product_ids for one in enough.findings]
    assert enough.notes == ["Searches were 112 of the store's 241 photos, drawn by a seeded hash."]


def test_the_draw_is_seeded_and_counts_no_more_than_it_may() -> None:
    index = index_of(ring(), 3)
    one, same, other = (neighbourhood(index, Draw(30, 50, seed), silent) for seed in (0, 0, 1))
    assert (one.queries, one.asked, one.photos) == (30, 50, RING)
    assert one.times_found == same.times_found
    assert one.times_found != other.times_found
    assert sum(one.times_found.values()) == 30 * NEAR


def test_the_empty_and_the_single_product() -> None:
    assert neighbourhood(index_of([], 3), Draw(), silent).asked == 0
    alone = neighbourhood(index_of(ring()[:1], 3), Draw(), silent)
    assert (alone.asked, dict(alone.times_found), alone.closest, alone.twins) == (1, {}, {}, [])
