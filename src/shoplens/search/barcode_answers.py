"""What barcodes in the query photo mean for an answer: which products have them, what it may claim, and its notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shoplens.index.conditions import Condition
from shoplens.index.identifiers import MAX_LISTED, find_gtin
from shoplens.index.protocol import Index
from shoplens.ranking.verdict import Judgement
from shoplens.reading.barcodes import Barcode
from shoplens.types import Product, Result, Verdict
from shoplens.types.gtin import normalize_gtin


@dataclass(frozen=True, slots=True)
class BarcodeMatches:
    """The products of the catalogue that have the barcodes of a photo, whatever the conditions are.

    Attributes:
        codes: that were read.
        products: GTIN -> ids of the products with it, in order; no entry for a code that no product has.
    """

    codes: tuple[Barcode, ...]
    products: Mapping[str, tuple[str, ...]]

    @property
    def ids(self) -> set[str]:
        """Ids of all these products."""
        return {product for ids in self.products.values() for product in ids}


def match_barcodes(index: Index, codes: tuple[Barcode, ...]) -> BarcodeMatches:
    """Find the products that have these barcodes."""
    found = {one.gtin: tuple(record.product.id for record in find_gtin(index, one.gtin)) for one in codes if one.gtin}
    return BarcodeMatches(codes, {gtin: ids for gtin, ids in found.items() if ids})


def judge_barcodes(judgement: Judgement, matches: BarcodeMatches) -> Judgement:
    """Return a judgement that takes account of the barcodes in the photo.

    A first result that alone has a barcode of the photo is the product in it. Where a barcode belongs to several
    products, to a product that is no result, or to none although the first result has another trade number, the look
    proves nothing: such an answer is not ``exact``.
    """
    if not matches.codes or not judgement.results:
        return judgement
    first, ids = judgement.results[0], matches.ids
    if first.barcode and len(ids) == 1:
        results = (replace(first, match_probability=1.0), *judgement.results[1:])
        return Judgement(results, "exact", None if judgement.absent_probability is None else 0.0)
    if ids:
        absent = None if judgement.absent_probability is None else 0.0
        verdict: Verdict = "uncalibrated" if judgement.verdict == "uncalibrated" else "similar"
        return Judgement(judgement.results, verdict, absent)
    contradicts = not first.same_photo and _has_another_gtin(first.product, matches.codes)
    if judgement.verdict == "exact" and contradicts:
        return Judgement(judgement.results, "similar", judgement.absent_probability)
    return judgement


def barcode_notes(
    index: Index, matches: BarcodeMatches, results: Sequence[Result], condition: Condition | None
) -> tuple[str, ...]:
    """Say which product each barcode belongs to, or that it belongs to none; the verdict ``exact`` says the rest."""
    alone = results[0].product.id if results and len(matches.ids) == 1 else None
    notes = []
    for code in matches.codes:
        ids = matches.products.get(code.gtin, ())
        if not code.gtin:
            notes.append(f"The number {code.text} of a barcode in the photo is not valid: its check digit is wrong.")
        elif not ids:
            notes.append(f"No product has the barcode {code.text} that is in the photo.")
        elif len(ids) > 1:
            listed = ", ".join(ids[:MAX_LISTED]) + (", …" if len(ids) > MAX_LISTED else "")
            notes.append(f"{len(ids)} products have the barcode {code.text} that is in the photo: {listed}.")
        elif ids[0] == alone:
            continue
        elif not find_gtin(index, code.gtin, condition):
            notes.append(f"The product with the barcode {code.text} that is in the photo does not meet the condition.")
        else:
            left_out = "" if any(one.barcode == code.text for one in results) else ", which is not among the results"
            notes.append(f"The barcode {code.text} that is in the photo is that of {ids[0]}{left_out}.")
    return tuple(notes)


def _has_another_gtin(product: Product, codes: Sequence[Barcode]) -> bool:
    """Whether the feed gives a product a trade number, and none that was read."""
    own = set(filter(None, map(normalize_gtin, (product.id, *product.identifiers))))
    return bool(own) and own.isdisjoint(code.gtin for code in codes if code.gtin)
