"""The page about what the doctor found: a table of the kinds, then each kind with its photos side by side."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from shoplens.evaluation.doctor.findings import KINDS, Diagnosis, Finding, Kind
from shoplens.evaluation.report.formatting import quantity
from shoplens.evaluation.report.rendering import render_page
from shoplens.types import Pixels

MAX_SHOWN = 60
"""Findings of one kind that the page shows; the JSON Lines have all of them."""
_PROBABILITY = re.compile(r"\bp (?:[<>] )?\.\d")


def doctor_page(diagnosis: Diagnosis, picture: Callable[[str], Pixels]) -> str:
    """Return the page as HTML.

    Args:
        picture: source of a photo -> pixels, uint8 (h, w, 3); reduced pixels are enough.
    """
    return render_page(
        "doctor.html",
        title="Catalogue doctor",
        lead=_summary(diagnosis),
        facts=[f"{diagnosis.products:,} products; model {diagnosis.model}.", *diagnosis.notes],
        kinds=[_kind_values(kind, diagnosis) for kind in diagnosis.kinds],
        picture=picture,
    )


def _summary(diagnosis: Diagnosis) -> str:
    if not diagnosis.findings:
        return "Nothing was found that somebody should look at."
    kinds = sum(1 for count in diagnosis.counts.values() if count)
    return f"{quantity(len(diagnosis.findings), 'thing')} to look at, of {quantity(kinds, 'kind')}."


def _kind_values(kind: Kind, diagnosis: Diagnosis) -> dict[str, object]:
    """Return what the template shows of one kind."""
    findings = diagnosis.findings_of(kind)
    return {
        "heading": KINDS[kind].heading,
        "meaning": KINDS[kind].meaning,
        "count": len(findings),
        "takes_turns": len({finding.dimension for finding in findings}) > 1,
        "findings": [_finding_values(finding) for finding in _select_strongest(findings)],
    }


def _select_strongest(findings: Sequence[Finding]) -> list[Finding]:
    """Select as many findings as are shown; dimensions take turns, so that no dimension hides the others."""
    if len(findings) <= MAX_SHOWN:
        return list(findings)
    turns: Counter[str] = Counter()
    places = []
    for finding in findings:
        places.append(turns[finding.dimension])
        turns[finding.dimension] += 1
    return [findings[n] for n in sorted(range(len(findings)), key=lambda n: (places[n], n))[:MAX_SHOWN]]


def _finding_values(finding: Finding) -> dict[str, object]:
    """Return what the template shows of one finding."""
    shown = {photo.product_id for photo in finding.photos}
    others = [product_id for product_id in finding.product_ids if product_id not in shown]
    names_itself = len(finding.product_ids) == 1 and not finding.photos
    return {
        "name": _name(finding),
        "sentence": _keep_probabilities_together(finding.sentence),
        "fix": finding.fix,
        "photos": finding.photos,
        "product_ids": finding.product_ids,
        "other_ids": [] if names_itself else others,
    }


def _keep_probabilities_together(sentence: str) -> str:
    """Replace the spaces inside probabilities such as "p .97" by spaces at which no line breaks."""
    return _PROBABILITY.sub(lambda match: match[0].replace(" ", "\N{NO-BREAK SPACE}"), sentence)


def _name(finding: Finding) -> str:
    """Return the title of the one product that the finding is about, or the number of products."""
    if len(finding.product_ids) > 1:
        return quantity(len(finding.product_ids), "product")
    title = next((photo.title for photo in finding.photos if photo.product_id == finding.product_ids[0]), "")
    return title or finding.product_ids[0]
