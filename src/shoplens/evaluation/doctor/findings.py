"""What the doctor finds, as values: small, frozen, ready for JSON Lines and for a page."""

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
MOST_PHOTOS = 4
"""Photos of one product, and products of one finding, that a finding shows; it names all of them."""


class About(NamedTuple):
    """A kind of finding, for people: its name, what it means, and what orders it."""

    heading: str
    meaning: str
    strength: str


KINDS: Mapping[Kind, About] = {
    "wrong-value": About(
        "Wrong value",
        "The feed says one thing and the photos another, as read by filters that learned from other products only.",
        "probability of what the photos show, the less the more the feed's value is possible",
    ),
    "missing-value": About(
        "Missing value",
        "The feed is silent where most products of the category are not, and the photos show the value.",
        "probability of the value",
    ),
    "near-duplicates": About(
        "Near duplicates",
        "Different products whose photos look nearly the same; variants of one group that the feed tells apart do not "
        "count.",
        "cosine of the two photos",
    ),
    "shared-photo": About(
        "Shared photo",
        "One photo stands for several products: a placeholder, or a mistake.",
        "how many products have it",
    ),
    "no-usable-photo": About(
        "No usable photo", "None of the product's photos could be used, so no search finds it.", "none: always 1"
    ),
    "never-found": About(
        "Never found",
        "No other product's photo has it among the ten products that look most alike.",
        "1 less the cosine of the photo that looks most like it",
    ),
    "always-found": About(
        "Found for everything",
        "It is among the ten most alike far more often than others, and takes places that belong to them.",
        "times found, over the mean of all products",
    ),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo of a finding.

    Attributes:
        product_id, title: of its product.
        photo: its source.
        role: why it is shown, in a few words.
    """

    product_id: str
    title: str
    photo: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing in a catalogue that somebody should look at.

    Attributes:
        kind: one of :data:`KINDS`.
        product_ids: all products concerned.
        sentence: what was found, for people.
        fix: what to do.
        photos: side by side; not more than a glance can take in.
        dimension: concerned; empty where none is.
        feed: what the feed says.
        seen: what the photos say.
        probability: of what the photos say, calibrated, in [0, 1]; None where nothing was predicted.
        strength: orders the findings of a kind, bigger first; see :attr:`About.strength`.
    """

    kind: Kind
    product_ids: tuple[str, ...]
    sentence: str
    fix: str
    photos: tuple[Shown, ...] = ()
    dimension: str = ""
    feed: str = ""
    seen: str = ""
    probability: float | None = None
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS or not self.product_ids:
            raise InvalidValue(f"A finding {self.kind!r} of {len(self.product_ids)} products.", "Name one or more.")
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise InvalidValue(f"A probability of {self.probability}.", "Give 0 to 1, or None.")

    def as_json(self) -> dict[str, Any]:
        """The documented object, numbers rounded to what they are worth."""
        told = dataclasses.asdict(self)
        told["probability"] = None if self.probability is None else round(self.probability, 3)
        return {**told, "strength": round(self.strength, 4)}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings.

    Attributes:
        findings: by kind in the order of :data:`KINDS`, the strongest first.
        kinds: that were looked for.
        products: of the store.
        model: that made its vectors.
        notes: what could not be looked at, and why.
    """

    findings: tuple[Finding, ...]
    kinds: tuple[Kind, ...]
    products: int
    model: str = ""
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[Kind, int]:
        """Kind looked for -> how many findings."""
        found = Counter(finding.kind for finding in self.findings)
        return {kind: found[kind] for kind in self.kinds}

    def of(self, kind: Kind) -> tuple[Finding, ...]:
        """The findings of a kind, the strongest first."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def as_json(self) -> dict[str, Any]:
        """The documented object."""
        return {
            "products": self.products,
            "model": self.model,
            "counts": self.counts,
            "notes": list(self.notes),
            "findings": [finding.as_json() for finding in self.findings],
        }


def kinds_named(names: Iterable[str]) -> tuple[Kind, ...]:
    """These kinds in the order of :data:`KINDS`; all of them where none is named.

    Raises:
        InvalidValue: ``unknown-kind``.
    """
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in KINDS:
            raise InvalidValue(f"There is no kind {name!r}.", f"There are {', '.join(KINDS)}.", code="unknown-kind")
    return tuple(kind for kind in KINDS if kind in wanted or not wanted)


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By kind, then the strongest first; equals by the ids of their products."""
    places = {kind: place for place, kind in enumerate(KINDS)}
    return tuple(sorted(findings, key=lambda one: (places[one.kind], -one.strength, one.product_ids, one.dimension)))


def summarize_product(product: Product, photo: Photo | None = None, role: str = "") -> Shown:
    """A product by one of its photos, by its first where none is given."""
    return Shown(product.id, product.title, product.photos[0] if photo is None else photo.source, role)
