"""Answers and products as the documented JSON objects, for the command line and the service alike."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

from shoplens.images.objects import mask_png
from shoplens.types import Answer, Facet, Product, Reasons, Result, WordMeaning

_PRODUCT_FIELDS = tuple(field.name for field in dataclasses.fields(Product))


def as_json(answer: Answer) -> dict[str, Any]:
    """Return the documented JSON object of an answer."""
    return {
        "query_id": answer.query_id,
        "remembered": answer.remembered,
        "query": {
            "source": answer.source,
            "region": dataclasses.astuple(answer.region) if answer.region else None,
            "object": dataclasses.astuple(answer.object) if answer.object else None,
            "objects": [{"box": dataclasses.astuple(one.region), "score": one.score} for one in answer.objects],
            "mask": None if answer.mask is None else base64.b64encode(mask_png(answer.mask)).decode(),
            "object_share": answer.object_share,
            "view": answer.view,
            "model": answer.model,
            "barcodes": list(answer.barcodes),
        },
        "strategy": {"used": answer.strategy},
        "words": [_meaning(meaning) for meaning in answer.words],
        "weights": dict(answer.weights),
        "importances": dict(answer.importances),
        "verdict": answer.verdict,
        "absent_probability": answer.absent_probability,
        "results": [_row(result) for result in answer.results],
        "object_answers": [as_json(one) for one in answer.object_answers],
        "facets": [_facet(facet) for facet in answer.facets],
        "notes": list(answer.notes),
        "took_ms": dict(answer.took_ms),
    }


def _meaning(meaning: WordMeaning) -> dict[str, Any]:
    return {
        "words": meaning.words,
        "start": meaning.start,
        "end": meaning.end,
        "kind": meaning.kind,
        "classes": {name: dict(shares) for name, shares in meaning.classes.items()},
        "color": meaning.color,
        "condition": meaning.condition,
        "corrected": meaning.corrected,
    }


def _row(result: Result) -> dict[str, Any]:
    product = product_json(result.product)
    return {
        "rank": result.rank,
        "product_id": product.pop("id"),
        "title": product.pop("title"),
        "score": result.score,
        "photo": result.photo,
        "same_photo": result.same_photo,
        "barcode": result.barcode,
        "match_probability": result.match_probability,
        "parts": dict(result.parts),
        "predicted": {name: dict(classes) for name, classes in result.predicted.items()},
        "reasons": None if result.reasons is None else _reasons(result.reasons),
        **product,
    }


def _reasons(reasons: Reasons) -> dict[str, Any]:
    return {
        "weights": dict(reasons.weights),
        "similarities": dict(reasons.similarities),
        "matches": {
            name: {"class": match.name, "product": match.product, "query": match.query}
            for name, match in reasons.matches.items()
        },
        "ranks_without": dict(reasons.ranks_without),
    }


def _facet(facet: Facet) -> dict[str, Any]:
    return {
        "field": facet.field,
        "relevant": facet.relevant,
        "complete": facet.complete,
        "values": [
            {"value": value, "relevant": relevant, "all": everywhere}
            for value, (relevant, everywhere) in facet.values.items()
        ],
    }


def product_json(product: Product) -> dict[str, Any]:
    """Return the documented JSON object of a product."""
    found = {name: getattr(product, name) for name in _PRODUCT_FIELDS}
    found["attributes"] = {name: list(values) for name, values in product.attributes.items()}
    return {**found, "photos": list(product.photos), "category": list(product.category)}
