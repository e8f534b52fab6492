"""The doctor's findings: small frozen values that become JSON Lines and a page."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from shoplens.errors import InvalidValue
from shoplens.types import Photo, Product

Kind = Literal[
    "wrong-value",
    "missing-value",
    "near-duplicates",
    "shared-photo",
    "no-usable-photo",
    "never-found",
    "always-found",
]
MAX_PHOTOS = 4
"""A finding shows at most so many photos of one product, and photos of so many products; it names all products."""


class KindDescription(NamedTuple):
    """A kind of finding: its name, what it means, and what its strength measures."""

    heading: str
    meaning: str
    strength: str


KINDS: Mapping[Kind, KindDescription] = {
    "wrong-value": KindDescription(
        "Wrong value",
        "The feed gives one value and the photos show another, by filters that learned only from other products.",
        "probability of what the photos show, reduced by the probability of the feed's value",
    ),
    "missing-value": KindDescription(
        "Missing value",
        "The feed gives no value where most products of the category have one, and the photos show the value.",
        "probability of the value",
    ),
    "near-duplicates": KindDescription(
        "Near duplicates",
        "Different products have photos that look nearly the same. Variants of one group do not count if the feed "
        "distinguishes them.",
        "cosine similarity of the two photos",
    ),
    "shared-photo": KindDescription(
        "Shared photo",
        "Several products have the same photo, which is a placeholder or a mistake.",
        "number of products with the photo",
    ),
    "no-usable-photo": KindDescription(
        "No usable photo", "None of the product's photos can be used, so no search finds it.", "always 1"
    ),
    "never-found": KindDescription(
        "Never found",
        "For no photo of another product is it among the ten most similar products.",
        "1 minus the cosine similarity of the most similar photo of another product",
    ),
    "always-found": KindDescription(
        "Found for everything",
        "It is among the ten most similar products far more often than others, and takes their places in results.",
        "how often it is found, divided by the mean of all products",
    ),
}


@dataclass(frozen=True, slots=True)
class FindingPhoto:
    """A photo that a finding shows.

    Attributes:
        product_id, title: id and title of the photo's product.
        photo: source of the photo.
        role: why it is shown, in a few words.
    """

    product_id: str
    title: str
    photo: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of a catalogue that somebody should look at.

    Attributes:
        kind: one of :data:`KINDS`.
        product_ids: ids of all products concerned.
        sentence: a sentence that describes the problem.
        fix: what to do about it.
        photos: a few photos to be shown side by side.
        dimension: the dimension concerned; empty where there is none.
        feed_value: the value of the feed.
        photo_value: what the photos show.
        probability: calibrated probability of what the photos show, in [0, 1]; None where nothing was predicted.
        strength: sorts the findings of a kind, bigger first; see :attr:`KindDescription.strength`.
    """

    kind: Kind
    product_ids: tuple[str, ...]
    sentence: str
    fix: str
    photos: tuple[FindingPhoto, ...] = ()
    dimension: str = ""
    feed_value: str = ""
    photo_value: str = ""
    probability: float | None = None
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS or not self.product_ids:
            raise InvalidValue(
                f"A finding of kind {self.kind!r} concerns {len(self.product_ids)} products.",
                f"Give one product or more, and one of the kinds {', '.join(KINDS)}.",
            )
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise InvalidValue(f"The probability is {self.probability}.", "Give a number from 0 to 1, or None.")

    def as_json(self) -> dict[str, Any]:
        """Return the documented object, with rounded numbers."""
        fields = dataclasses.asdict(self)
        fields["probability"] = None if self.probability is None else round(self.probability, 3)
        return {**fields, "strength": round(self.strength, 4)}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings about a catalogue.

    Attributes:
        findings: sorted by kind in the order of :data:`KINDS`, then by strength, the strongest first.
        kinds: the kinds that were searched for.
        products: number of products in the store.
        model: the model that made the store's vectors.
        notes: what could not be examined, and why.
    """

    findings: tuple[Finding, ...]
    kinds: tuple[Kind, ...]
    products: int
    model: str = ""
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[Kind, int]:
        """The number of findings of every kind that was searched for."""
        counts = Counter(finding.kind for finding in self.findings)
        return {kind: counts[kind] for kind in self.kinds}

    def findings_of(self, kind: Kind) -> tuple[Finding, ...]:
        """Return the findings of a kind, the strongest first."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def as_json(self) -> dict[str, Any]:
        """Return the documented object."""
        return {
            "products": self.products,
            "model": self.model,
            "counts": self.counts,
            "notes": list(self.notes),
            "findings": [finding.as_json() for finding in self.findings],
        }


def select_kinds(names: Iterable[str]) -> tuple[Kind, ...]:
    """Return the named kinds in the order of :data:`KINDS`, or all kinds where none is named.

    Raises:
        InvalidValue: ``unknown-kind``.
    """
    selected = [names] if isinstance(names, str) else list(names)
    for name in selected:
        if name not in KINDS:
            raise InvalidValue(
                f"There is no kind of finding {name!r}.", f"Choose from {', '.join(KINDS)}.", code="unknown-kind"
            )
    return tuple(kind for kind in KINDS if kind in selected or not selected)


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort by kind, then by strength, the strongest first; equal ones by the ids of their products."""
    order = {kind: place for place, kind in enumerate(KINDS)}
    return tuple(
        sorted(
            findings,
            key=lambda finding: (order[finding.kind], -finding.strength, finding.product_ids, finding.dimension),
        )
    )


def summarize_product(product: Product, photo: Photo | None = None, role: str = "") -> FindingPhoto:
    """Return a product with one of its photos, or with its first photo where none is given."""
    return FindingPhoto(product.id, product.title, product.photos[0] if photo is None else photo.source, role)
