"""Duplicates, hubs and anti-hubs among vectors whose neighbours can be counted by hand."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from shoplens.evaluation.doctor.duplicates import find_near_duplicates
from shoplens.evaluation.doctor.findings import Finding, select_kinds, sort_findings
from shoplens.evaluation.doctor.hubs import Hubs, find_hubs
from shoplens.evaluation.doctor.neighbours import NEIGHBOURS, SampleOptions, find_neighbours
from shoplens.evaluation.doctor.shared_photos import find_shared_photos
from shoplens.index.protocol import IndexedProduct
from tests.evaluation.placed_products import entry, index_of, silent, turned

HUBS = ("never-found", "always-found")


def test_a_placeholder_is_one_finding_however_many_products_have_it() -> None:
    vector = np.eye(2, dtype=np.float32)
    own = [entry(f"own{number}", vector[:1]) for number in range(3)]
    both = entry("both", vector, ["same", "same"])
    holders = [entry(f"h{number}", vector, [f"photo of h{number}", "placeholder"]) for number in range(6)]
    variants = [entry(f"v{number}", vector[:1], ["shirt"], group_id="shirt") for number in range(2)]
    findings = sort_findings(find_shared_photos(index_of([*own, both, *holders, *variants], 2)))
    assert [(item.product_ids, item.strength) for item in findings] == [
        (("h0", "h1", "h2", "h3", "h4", "h5"), 6),
        (("v0", "v1"), 2),
    ]
    assert [item.photo for item in findings[0].photos] == [f"/h{number}-1.png" for number in range(4)]
    assert findings[0].sentence == "6 products have this photo."
    assert findings[1].sentence == "2 variants of one group have this photo."
    assert list(find_shared_photos(index_of([*own, both], 2))) == []


def find_duplicates(*entries: IndexedProduct) -> list[Finding]:
    neighbours = find_neighbours(index_of(entries, 2), SampleOptions(), silent)
    return list(sort_findings(find_near_duplicates(neighbours.similar_pairs)))


def test_products_that_look_nearly_the_same_are_duplicates() -> None:
    first, second = entry("one", turned(0)), entry("other", turned(11), brand="Acme")  # cosine .982
    (finding,) = find_duplicates(first, second, entry("else", turned(40)))
    assert (finding.product_ids, finding.kind) == (("one", "other"), "near-duplicates")
    assert finding.strength == pytest.approx(np.cos(np.deg2rad(11)), abs=1e-5)
    assert finding.feed_value == "brand"
    assert find_duplicates(first, entry("other", turned(12))) == [], "cosine .978"
    assert find_duplicates(first, entry("other", turned(0), ["one0"])) == [], "equal photos are another kind of finding"


def test_a_chain_of_duplicates_is_one_finding() -> None:
    chain = [entry(f"c{number}", turned(10 * number)) for number in range(3)]
    assert [item.product_ids for item in find_duplicates(*chain)] == [("c0", "c1", "c2")]


def test_variants_that_differ_in_the_feed_are_no_duplicates() -> None:
    def variant(name: str, color: str, group: str) -> IndexedProduct:
        return entry(name, turned(len(name)), attributes={"color": (color,)}, group_id=group)

    red, blue = variant("r", "red", "shirt"), variant("bb", "blue", "shirt")
    assert find_duplicates(red, blue) == []
    assert [item.product_ids for item in find_duplicates(red, variant("rr", "red", "shirt"))] == [("r", "rr")]
    assert [item.product_ids for item in find_duplicates(red, variant("bb", "blue", "other"))] == [("bb", "r")]


RING = 240


def ring() -> list[IndexedProduct]:
    """Return products on a circle in three dimensions; each is near to five neighbours on either side only."""
    return [entry(f"p{n:03}", np.pad(turned(360 * n / RING), ((0, 0), (0, 1))).astype(np.float32)) for n in range(RING)]


def find_ring_hubs(entries: Iterable[IndexedProduct], sample: SampleOptions | None = None) -> Hubs:
    index = index_of(entries, 3)
    return find_hubs(index, find_neighbours(index, sample or SampleOptions(), silent), select_kinds(HUBS))


def test_a_ring_has_no_hubs() -> None:
    assert find_ring_hubs(ring()) == ([], [])


def test_a_product_far_from_all_others_is_reported_as_never_found() -> None:
    lonely = entry("lonely", np.array([[0, 0, 1]], np.float32))
    (finding,), notes = find_ring_hubs([*ring(), lonely])
    assert (finding.kind, finding.product_ids, finding.strength) == ("never-found", ("lonely",), 1.0)
    assert finding.sentence.startswith(f"None of {RING + 1} searches finds it among the first {NEIGHBOURS}.")
    assert notes == []


def test_a_product_near_to_all_others_is_reported_as_always_found() -> None:
    everywhere = entry("everywhere", np.concatenate([item.vectors for item in ring()[::8]]))
    (finding,), _ = find_ring_hubs([*ring(), everywhere])
    assert (finding.kind, finding.product_ids) == ("always-found", ("everywhere",))
    mean = NEIGHBOURS * (RING + RING / 8) / (RING + 1)
    assert finding.strength == pytest.approx(RING / mean)
    assert finding.sentence.startswith(f"{RING} of {RING + RING // 8} searches find it")


def test_few_products_have_no_hubs() -> None:
    lonely = entry("lonely", np.array([[0, 0, 1]], np.float32))
    assert find_ring_hubs([*ring()[:98], lonely]) == (
        [],
        ["Hubs were not searched for among 99 products, because at least 100 are needed."],
    )
    assert [item.product_ids for item in find_ring_hubs([*ring()[:99], lonely]).findings] == [("lonely",)]


def test_few_searches_find_no_product_that_is_never_found() -> None:
    lonely = entry("lonely", np.array([[0, 0, 1]], np.float32))
    findings, notes = find_ring_hubs([*ring(), lonely], SampleOptions(queries=110, lookups=0))
    assert findings == []
    assert notes == [
        "The searches were 110 of the store's 241 photos, a seeded sample.",
        "It cannot be said which products are never found: 110 searches find each of 241 products 4.6 times on "
        "average, and 4.6 times are needed.",
    ]
    enough = find_ring_hubs([*ring(), lonely], SampleOptions(queries=112, lookups=0))
    assert ("lonely",) in [item.product_ids for item in enough.findings]
    assert enough.notes == ["The searches were 112 of the store's 241 photos, a seeded sample."]


def test_the_sample_is_seeded_and_limited() -> None:
    index = index_of(ring(), 3)
    first, same, second = (find_neighbours(index, SampleOptions(30, 50, seed), silent) for seed in (0, 0, 1))
    assert (first.queries, first.lookups, first.photos) == (30, 50, RING)
    assert first.times_found == same.times_found
    assert first.times_found != second.times_found
    assert sum(first.times_found.values()) == 30 * NEIGHBOURS


def test_the_empty_and_the_single_product() -> None:
    assert find_neighbours(index_of([], 3), SampleOptions(), silent).lookups == 0
    alone = find_neighbours(index_of(ring()[:1], 3), SampleOptions(), silent)
    assert (alone.lookups, dict(alone.times_found), alone.closest, alone.similar_pairs) == (1, {}, {}, [])
