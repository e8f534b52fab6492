"""Tests of which photo is used for what."""

from __future__ import annotations

from collections import Counter

from shoplens.training.data.samples import Split, assign_splits
from tests.training.toy_samples import create_toy_samples, sample_photo

PHOTOS = [sample_photo(f"p{n}", view, group=f"g{n // 2}") for n in range(600) for view in range(3)]


def test_all_photos_of_a_group_are_in_one_split() -> None:
    by_group: dict[str, set[bool]] = {}
    for photo, split in zip(PHOTOS, assign_splits(PHOTOS), strict=True):
        by_group.setdefault(photo.group, set()).add(split in (Split.TEST_NEW, Split.VALIDATION_NEW))
    assert all(len(sides) == 1 for sides in by_group.values())


def test_every_split_has_about_its_share() -> None:
    shares = Counter(assign_splits(PHOTOS))
    assert 0.14 < shares[Split.TEST_NEW] / len(PHOTOS) < 0.26
    assert 0.07 < shares[Split.VALIDATION_NEW] / len(PHOTOS) < 0.17
    further = 2 / 3 * 0.68 * len(PHOTOS)
    assert 0.14 < shares[Split.TEST] / further < 0.26
    assert 0.09 < shares[Split.VALIDATION] / further < 0.21


def test_first_photos_of_training_products_are_trained_on() -> None:
    by_photo = zip(PHOTOS, assign_splits(PHOTOS), strict=True)
    assert {split for photo, split in by_photo if photo.is_first} == {Split.TRAIN, Split.TEST_NEW, Split.VALIDATION_NEW}


def test_by_group_single_photos_are_never_held_out() -> None:
    assert set(assign_splits(PHOTOS, by_group=True)) == {Split.TRAIN, Split.TEST_NEW, Split.VALIDATION_NEW}


def test_the_split_of_a_photo_does_not_depend_on_other_photos() -> None:
    everything = dict(zip(PHOTOS, assign_splits(PHOTOS), strict=True))
    some = PHOTOS[::-7]
    assert assign_splits(some) == [everything[photo] for photo in some]


def test_samples_know_the_row_of_each_photo_as_it_is() -> None:
    samples = create_toy_samples([sample_photo("a"), sample_photo("b", group="g")], augmented_views=3)
    assert samples.original_rows.tolist() == [0, 4]
    assert (samples.class_names("product"), samples.class_names("group")) == (("a", "b"), ("a", "g"))
