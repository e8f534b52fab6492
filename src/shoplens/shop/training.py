"""What a shop learns: filters, look, classifier and ranker.

Modules that train are imported when they are called.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shoplens.build.generations import train_filters
from shoplens.build.run import Summary
from shoplens.index.disk_room import require_room
from shoplens.shop.parts import ShopParts
from shoplens.types import Progress

if TYPE_CHECKING:
    from shoplens.evaluation.evaluate import EvaluationContext
    from shoplens.training.classifier import ClassifierOptions, ClassifierTraining
    from shoplens.training.clicks import ClickTraining
    from shoplens.training.look import LookOptions, LookTraining
    from shoplens.training.ranker import RankerOptions, RankerTraining


TRAINING_BYTES = 200 << 20
"""Room for checkpoints and for features of augmented photos, without which no training begins."""


class ShopTraining:
    """Trains what an open shop answers by. All but :meth:`train_filters` need the extra ``train``."""

    def __init__(self, parts: ShopParts) -> None:
        self._parts = parts

    def _context(self, progress: Progress | None) -> EvaluationContext:
        """Return what training needs, where there is room for what it writes.

        Raises:
            StoreError: ``disk``.
        """
        require_room(self._parts.store.folder, TRAINING_BYTES)
        return self._parts.evaluation_context(progress)

    def train_filters(self, *, progress: Progress | None = None) -> Summary:
        """Fit the filters anew to the products as they are now, in a new generation that then takes over."""
        return train_filters(self._parts.builder(progress))

    def train_look(
        self,
        options: LookOptions | None = None,
        *,
        report: str | Path | None = None,
        progress: Progress | None = None,
    ) -> LookTraining:
        """Train distances on the shop's own photos, and use them if they are better on held-out photos.

        A better look becomes a new generation, which then takes over; the one before is kept.

        Args:
            report: HTML file to write.

        Raises:
            InvalidValue: ``no-torch``, ``too-few-products``, …
        """
        from shoplens.training.look import LookOptions
        from shoplens.training.promotion import train_look

        context, builder = self._context(progress), self._parts.builder(progress)
        return train_look(context, builder, options or LookOptions(), report)

    def train_classifier(
        self,
        options: ClassifierOptions | None = None,
        *,
        report: str | Path | None = None,
        progress: Progress | None = None,
    ) -> ClassifierTraining:
        """Train the baseline, a softmax with an output per product, which the strategy ``classifier`` ranks by.

        Products that are added later are found once the classifier is trained again.

        Args:
            report: HTML file to write.

        Raises:
            InvalidValue: ``no-torch``, ``too-few-products``, …
        """
        from shoplens.training.classifier import ClassifierOptions
        from shoplens.training.promotion import train_classifier

        context, builder = self._context(progress), self._parts.builder(progress)
        return train_classifier(context, builder, options or ClassifierOptions(), report)

    def train_ranker(
        self,
        options: RankerOptions | None = None,
        *,
        report: str | Path | None = None,
        progress: Progress | None = None,
    ) -> RankerTraining:
        """Tune static weights, learn dynamic ones, and use those that rank held-out queries best.

        Then learn from what shoppers did (:meth:`~shoplens.shop.feedback.ShopFeedback.add`), where anything is
        remembered.

        Args:
            report: HTML file to write.

        Raises:
            InvalidValue: ``too-few-queries``, ``no-torch``, ``no-filters``.
        """
        from shoplens.training.promotion import train_ranker
        from shoplens.training.ranker import RankerOptions

        context = self._context(progress)
        return train_ranker(context, self._parts.feedback_log, options or RankerOptions(), report)

    def train_on_clicks(
        self,
        options: RankerOptions | None = None,
        *,
        report: str | Path | None = None,
        progress: Progress | None = None,
    ) -> ClickTraining:
        """Learn from what shoppers did alone: a bounded change of the ranking, used if it surely helps.

        Args:
            report: HTML file to write.

        Raises:
            InvalidValue: ``no-torch``, ``no-filters``.
        """
        from shoplens.training.promotion import train_on_clicks
        from shoplens.training.ranker import RankerOptions

        context = self._context(progress)
        return train_on_clicks(context, self._parts.feedback_log, options or RankerOptions(), report)

    def undo_ranker(self) -> None:
        """Rank again as before the last ranker was put to use.

        Raises:
            InvalidValue: ``nothing-to-undo``.
        """
        from shoplens.training.promotion import restore_ranker

        restore_ranker(self._parts.store)
