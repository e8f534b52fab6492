"""The page of what the doctor found: a table of kinds, then each kind with its photos side by side."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from shoplens.evaluation.doctor.findings import KINDS, Diagnosis, Finding, Kind, Shown
from shoplens.evaluation.report.page import (
    Html,
    escape_html,
    join_html,
    note,
    page,
    sections,
    table,
    thumbnail,
    with_detail,
)
from shoplens.types import Pixels

MOST = 60
"""Findings of a kind that the page shows; the JSON Lines have all of them."""
SMALL = 130
"""Longest side of a photo, in CSS pixels."""
_NAMED = 8
"""Ids of products that a finding names without being asked."""

_PROBABILITY = re.compile(r"\bp (?:[<>] )?\.\d")

Picture = Callable[[str], Pixels]


def doctor_page(diagnosis: Diagnosis, picture: Picture) -> str:
    """The whole page.

    Args:
        picture: source of a photo -> pixels, uint8 (h, w, 3); reduced ones will do.
    """
    facts = [f"{diagnosis.products:,} products; model {diagnosis.model}.", *diagnosis.notes]
    kinds = [(_heading(kind, diagnosis), _kind(kind, diagnosis, picture)) for kind in diagnosis.kinds]
    parts = [("Overview", _overview(diagnosis)), *kinds]
    return page("Catalogue doctor", facts, sections(parts), lead=_lead(diagnosis))


def _lead(diagnosis: Diagnosis) -> str:
    found = len(diagnosis.findings)
    if not found:
        return "Nothing was found that somebody should look at."
    kinds = sum(1 for times in diagnosis.counts.values() if times)
    return (
        f"{found:,} {'thing' if found == 1 else 'things'} to look at, of {kinds} {'kind' if kinds == 1 else 'kinds'}."
    )


def _heading(kind: Kind, diagnosis: Diagnosis) -> str:
    return f"{KINDS[kind].heading} ({diagnosis.counts[kind]:,})"


def _overview(diagnosis: Diagnosis) -> Html:
    rows = [
        (with_detail(KINDS[kind].heading, KINDS[kind].meaning), f"{times:,}")
        for kind, times in diagnosis.counts.items()
    ]
    return table("Kinds of findings", ("Kind", "Found"), rows, numbers={"Found"})


def _kind(kind: Kind, diagnosis: Diagnosis, picture: Picture) -> Html:
    """The strongest findings of a kind; empty where there are none."""
    found = diagnosis.of(kind)
    if not found:
        return Html("")
    shown = _strongest(found)
    each = " of each dimension in turn" if len({one.dimension for one in found}) > 1 else ""
    many = f" The strongest{each} are shown, {MOST} of {len(found):,}; the JSON Lines have all."
    some = many if len(found) > MOST else ""
    told = note(f"{KINDS[kind].meaning}{some}")
    cards = join_html((_card(one, picture) for one in shown), "\n")
    return Html(f'{told}<ol class="findings">{cards}</ol>')


def _strongest(found: Sequence[Finding]) -> list[Finding]:
    """All, or as many as are shown, the dimensions taking turns, so that none hides the others."""
    if len(found) <= MOST:
        return list(found)
    turns: Counter[str] = Counter()
    places = []
    for finding in found:
        places.append(turns[finding.dimension])
        turns[finding.dimension] += 1
    return [found[n] for n in sorted(range(len(found)), key=lambda n: (places[n], n))[:MOST]]


def _card(finding: Finding, picture: Picture) -> Html:
    photos = join_html(_photo(one, finding, picture) for one in finding.photos)
    shown = f'<ul class="found">{photos}</ul>' if photos else ""
    return Html(
        f'<li class="finding"><h3>{escape_html(_name(finding))}</h3>'
        f'<p class="said">{escape_html(_unbroken(finding.sentence))}</p><p class="about">{escape_html(finding.fix)}</p>'
        f"{shown}{_ids(finding)}</li>"
    )


def _unbroken(sentence: str) -> str:
    """The sentence, no line of which begins within a probability."""
    return _PROBABILITY.sub(lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), sentence)


def _name(finding: Finding) -> str:
    """The title of the one product that it is about, or how many there are."""
    if len(finding.product_ids) > 1:
        return f"{len(finding.product_ids):,} products"
    own = next((one.title for one in finding.photos if one.product_id == finding.product_ids[0]), "")
    return own or finding.product_ids[0]


def _photo(shown: Shown, finding: Finding, picture: Picture) -> Html:
    text = f"{shown.title}: {shown.role}" if shown.role else shown.title
    beside = shown.product_id not in finding.product_ids
    kind = "photo compared" if beside else "photo"
    name = f'<span class="detail">{escape_html(shown.product_id)}</span>'
    role = f"{escape_html(shown.role)} {name}" if beside else name
    return Html(f'<li class="{kind}">{thumbnail(shown.photo, text, picture, size=SMALL)}{role}</li>')


def _ids(finding: Finding) -> Html:
    """The ids of products that no photo names."""
    named = {one.product_id for one in finding.photos}
    others = [name for name in finding.product_ids if name not in named]
    if not others or (len(finding.product_ids) == 1 and not finding.photos):
        return Html("")
    if len(others) <= _NAMED:
        return Html(f'<p class="about">also {escape_html(", ".join(others))}</p>')
    return Html(f"<details><summary>{len(others):,} more</summary>{escape_html(', '.join(others))}</details>")
