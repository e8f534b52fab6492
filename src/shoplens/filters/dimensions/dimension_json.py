"""Dimensions, and the rules from which they were derived, as JSON that a generation stores."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shoplens.errors import InvalidValue, SettingsError
from shoplens.filters.dimensions.derivation import Dimensions
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.filters.dimensions.skipped import SkippedDimension
from shoplens.settings import DimensionRule, DimensionRules

VERSION = 1


def dimension_json(dimension: Dimension) -> dict[str, Any]:
    """Return one dimension, ready for ``json.dumps``."""
    return {
        "name": dimension.name,
        "kind": dimension.kind,
        "field": dimension.field,
        "classes": list(dimension.classes),
        "products": list(dimension.products),
        "untrained": dict(dimension.untrained),
        "measured": dimension.is_measured,
        **({"named": True} if dimension.is_named else {}),
    }


def dimension_from_json(stored: Mapping[str, Any]) -> Dimension:
    """Return the dimension that :func:`dimension_json` wrote."""
    values = {**stored, "classes": tuple(stored["classes"]), "products": tuple(stored["products"])}
    if "measured" in values:
        values["is_measured"] = values.pop("measured")
    if "named" in values:
        values["is_named"] = values.pop("named")
    return Dimension(**values)


def dimensions_json(dimensions: Dimensions) -> dict[str, Any]:
    """Return all dimensions, the skipped ones with their reasons, and the rules, ready for ``json.dumps``."""
    rules = dimensions.rules
    return {
        "version": VERSION,
        "used": [dimension_json(dimension) for dimension in dimensions.used],
        "skipped": [dataclasses.asdict(skipped) for skipped in dimensions.skipped],
        "notes": list(dimensions.notes),
        "min_products": rules.min_products,
        "max_classes": rules.max_classes,
        "rules": {attribute: _rule_json(rule) for attribute, rule in rules.rules.items()},
    }


def dimensions_from_json(stored: Mapping[str, Any]) -> Dimensions:
    """Return the dimensions that :func:`dimensions_json` wrote.

    Raises:
        InvalidValue: ``bad-dimensions``: the value is something else, or of another version.
    """
    try:
        if stored["version"] != VERSION:
            raise ValueError(f"version {stored['version']!r} instead of {VERSION}")
        rules = {attribute: _rule_from_json(rule) for attribute, rule in stored["rules"].items()}
        return Dimensions(
            tuple(map(dimension_from_json, stored["used"])),
            tuple(SkippedDimension(**skipped) for skipped in stored["skipped"]),
            tuple(stored["notes"]),
            DimensionRules(stored["min_products"], stored["max_classes"], rules),
        )
    except (KeyError, TypeError, ValueError, AttributeError, SettingsError) as problem:
        raise InvalidValue(
            f"The stored dimensions cannot be read: {problem}.",
            "Build them again: shoplens index FEED --replace.",
            code="bad-dimensions",
        ) from None


def _rule_json(rule: DimensionRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "use": rule.use,
        "merge": {name: list(values) for name, values in rule.merge.items()},
        "kind": rule.kind,
        "labels": str(rule.labels) if rule.labels else None,
        **({"classes": list(rule.classes), "template": rule.template} if rule.classes else {}),
    }


def _rule_from_json(stored: Mapping[str, Any]) -> DimensionRule:
    merge = {name: tuple(values) for name, values in stored["merge"].items()}
    labels = Path(stored["labels"]) if stored["labels"] else None
    classes = tuple(stored.get("classes", ()))
    return DimensionRule(**{**stored, "merge": merge, "labels": labels, "classes": classes})
