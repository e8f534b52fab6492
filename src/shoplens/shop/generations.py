"""A shop's generations: the live one, and those that were kept to go back to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shoplens.build.generations import roll_back
from shoplens.build.run import Summary
from shoplens.settings import Settings
from shoplens.shop.open_store import copy_to
from shoplens.shop.parts import ShopParts
from shoplens.store.info import GenerationRow, generation_rows
from shoplens.types import Progress

if TYPE_CHECKING:
    from shoplens.evaluation.compare_generations import GenerationComparison


class ShopGenerations:
    """The generations of an open shop."""

    def __init__(self, parts: ShopParts) -> None:
        self._parts = parts

    @property
    def live(self) -> str:
        """Name of the generation that answers queries."""
        with self._parts.store.reading() as generation:
            return generation.name

    def list_all(self) -> list[GenerationRow]:
        """Return the live generation, then the kept ones, the latest first."""
        return generation_rows(self._parts.store)

    def compare(
        self,
        queries: str | Path | None = None,
        *,
        strategy: str = "",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> GenerationComparison:
        """Evaluate the live generation and the kept ones on the same photos.

        For the arguments see :meth:`~shoplens.shop.quality.ShopQuality.evaluate`.
        """
        from shoplens.evaluation.compare_generations import compare_generations
        from shoplens.evaluation.evaluate import QuerySet

        return compare_generations(
            self._parts.evaluation_context(progress), QuerySet.from_path(queries), strategy, seed
        )

    def copy_to(self, target: Settings, *, replace: bool = False, progress: Progress | None = None) -> int:
        """Copy the live generation to the store that other settings name, between a folder and a server.

        Args:
            target: settings with the store to copy to.
            replace: whether it may hold products; they are kept, to go back to.

        Returns:
            Number of products.

        Raises:
            Refused: ``store-exists``.
            StoreError: ``store-changed``, products were written to this store meanwhile.
        """
        return copy_to(self._parts.store, target, replace=replace, progress=progress)

    def roll_back(self, name: str = "", *, progress: Progress | None = None) -> Summary:
        """Go back to a kept generation, with everything that was changed since; the live one is kept in its place.

        Args:
            name: of the generation; the latest kept one where none is given.

        Raises:
            InvalidValue: ``no-generation``.
        """
        return roll_back(self._parts.builder(progress), name)
