"""What a shop pins, boosts, buries and hides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shoplens.index.condition_parser import parse_condition
from shoplens.index.conditions import check_fields
from shoplens.ranking.merchandising.resolution import MerchandisingNote, merchandising_notes
from shoplens.ranking.strategies import EncodedQuery
from shoplens.search.pipeline import search_encoded
from shoplens.settings import Merchandising
from shoplens.shop.desk.findings import ShopFindings
from shoplens.shop.parts import ShopParts
from shoplens.store.files.merchandising import MerchandisingHistory, MerchandisingRule, check_number
from shoplens.types import Answer, Query


@dataclass(frozen=True, slots=True)
class Preview:
    """What rules change for one query: its answer with the present rules, and with the proposed ones."""

    query: Query
    before: Answer
    after: Answer


class ShopMerchandising:
    """The merchandising of an open shop: that of ``shoplens.toml``, and the rules that are set while it runs.

    Attributes:
        findings: accepts what the doctor found, and exports the corrected feed.
    """

    def __init__(self, parts: ShopParts) -> None:
        self._parts = parts
        self.findings = ShopFindings(parts)

    def load(self) -> MerchandisingHistory:
        """Return the rules that are set now, and those before."""
        return self._parts.merchandising.load()

    def replace(
        self, rules: Sequence[MerchandisingRule], by: str = "", version: int | None = None
    ) -> MerchandisingHistory:
        """Replace all rules; searches that begin later follow them.

        Args:
            by: name of who changes them.
            version: that the change was made from; if it is not the present one, nothing is changed.

        Raises:
            InvalidValue: ``bad-rule``, there are too many.
            ConditionError: a condition cannot be used in this catalogue.
            Refused: ``changed-meanwhile``.
        """
        self._check(rules)
        return self._change(lambda: self._parts.merchandising.replace(rules, by, version))

    def undo(self, by: str = "") -> MerchandisingHistory:
        """Go back to the rules before the last change.

        Raises:
            InvalidValue: ``nothing-to-undo``.
        """
        return self._change(lambda: self._parts.merchandising.undo(by))

    def preview(
        self, rules: Sequence[MerchandisingRule], queries: Iterable[tuple[Query, EncodedQuery | None]]
    ) -> list[Preview]:
        """Answer queries with the present rules and with proposed ones, which are not set.

        Args:
            queries: each with its photo as it was encoded before, where it has one.

        Raises:
            InvalidValue: ``bad-rule``.
            ConditionError: a condition cannot be used in this catalogue.
        """
        self._check(rules)
        present, proposed = self._parts.query_encoder(), self._parts.query_encoder(rules)
        store = self._parts.store
        return [
            Preview(
                query,
                search_encoded(store, query, present, None, photo)[0],
                search_encoded(store, query, proposed, None, photo)[0],
            )
            for query, photo in queries
        ]

    def notes(self) -> list[MerchandisingNote]:
        """Return a note per entry that names a product by anything but its id, or no product at all."""
        live = self._parts.settings_for_searches().preferences.merchandising
        with self._parts.store.reading() as generation:
            return merchandising_notes(generation.index, live)

    def notes_of(self, rules: Iterable[MerchandisingRule]) -> list[MerchandisingNote]:
        """Return the same notes for proposed rules alone."""
        names = tuple(dict.fromkeys(name for rule in rules for name in rule.products))
        with self._parts.store.reading() as generation:
            return merchandising_notes(generation.index, Merchandising(hides=names))

    def _change(self, change: Callable[[], MerchandisingHistory]) -> MerchandisingHistory:
        """Change the rules; those of a store on a server are changed as other processes left them, and for them."""
        store = self._parts.store
        if not store.layout.is_shared:
            return change()
        with store.writing():
            store.layout.pull_shared()
            history = change()
            store.layout.publish_shared()
            return history

    def _check(self, rules: Sequence[MerchandisingRule]) -> None:
        check_number(rules)
        with self._parts.store.reading() as generation:
            kinds = generation.index.field_kinds()
            for rule in rules:
                if rule.where:
                    check_fields(parse_condition(rule.where), kinds)
