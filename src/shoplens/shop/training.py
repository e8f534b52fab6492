"""What a shop learns: the half of :class:`~shoplens.shop.shop.Shop` that trains, and goes back to what was before.

What trains is imported when it is asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shoplens.build.builder import Builder
from shoplens.build.run import Progress, Summary
from shoplens.feedback.log import FeedbackLog
from shoplens.store.info import GenerationRow, generation_rows
from shoplens.store.store import Store

if TYPE_CHECKING:
    from shoplens.evaluation.evaluate import EvaluationContext
    from shoplens.evaluation.generations import GenerationsCompared
    from shoplens.training.classifier import ClassifierOptions, ClassifierTraining
    from shoplens.training.clicks import ClickTraining
    from shoplens.training.look import LookOptions, LookTraining
    from shoplens.training.ranker import RankerOptions, RankerTraining


class Training:
    """Of a store that is open."""

    _store: Store
    _feedback: FeedbackLog

    def train_filters(self, *, progress: Progress | None = None) -> Summary:
        """Fit the filters anew, to the products as they are now; a new generation, which then takes over."""
        return self._builder(progress).train_filters()

    def train_look(
        self,
        options: LookOptions | None = None,
        *,
        report: str | Path | None = None,
        progress: Progress | None = None,
    ) -> LookTraining:
        """Train distances on the shop's own photos, prove on held-out ones that it helps, and take the result if it
        does: a new generation, which then takes over; the one before is kept. It needs the extra ``train``.

        Raises:
            InvalidValue: ``no-torch``, ``too-few-products``, …
        """
        from shoplens.training.look import LookOptions
        from shoplens.training.promotion import train_look

        return train_look(self._bench(progress), self._builder(progress), options or LookOptions(), report)

    def train_classifier(
        self,
        options: ClassifierOptions | None = None,
        *,
        report: str | Path | None = None,
        progress: Progress | None = None,
    ) -> ClassifierTraining:
        """Train the baseline, a softmax with an output per product, which the strategy ``classifier`` asks from then
        on. It needs the extra ``train``; products that are added later are found once it was trained again."""
        from shoplens.training.classifier import ClassifierOptions
        from shoplens.training.promotion import train_classifier

        asked = options or ClassifierOptions()
        return train_classifier(self._bench(progress), self._builder(progress), asked, report)

    def train_ranker(
        self,
        options: RankerOptions | None = None,
        *,
        report: str | Path | None = None,
        progress: Progress | None = None,
    ) -> RankerTraining:
        """Tune the static weights and learn dynamic ones, prove on held-out queries which rank better, and take those;
        then learn from what shoppers did (:meth:`add_feedback`), where anything is remembered. It needs the extra
        ``train``; raises InvalidValue ``too-few-queries``, ``no-torch``, ``no-filters``."""
        from shoplens.training.promotion import train_ranker
        from shoplens.training.ranker import RankerOptions

        return train_ranker(self._bench(progress), self._feedback, options or RankerOptions(), report)

    def train_on_clicks(
        self,
        options: RankerOptions | None = None,
        *,
        report: str | Path | None = None,
        progress: Progress | None = None,
    ) -> ClickTraining:
        """Learn from what shoppers did alone, a bounded step from what ranks now; take it if it surely helps."""
        from shoplens.training.promotion import train_on_clicks
        from shoplens.training.ranker import RankerOptions

        return train_on_clicks(self._bench(progress), self._feedback, options or RankerOptions(), report)

    def undo_ranker(self) -> None:
        """Rank as before the last ranker was taken, or raise InvalidValue ``nothing-to-undo``."""
        from shoplens.training.promotion import restore_ranker

        restore_ranker(self._store)

    def generations(self) -> list[GenerationRow]:
        """The live generation, and those that can be gone back to, the latest first."""
        return generation_rows(self._store)

    def compare_generations(
        self,
        queries: str | Path | None = None,
        *,
        strategy: str = "",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> GenerationsCompared:
        """The live generation and those that can be gone back to, on the same photos. See :meth:`evaluate`."""
        from shoplens.evaluation.evaluate import QuerySet
        from shoplens.evaluation.generations import compare_generations

        return compare_generations(self._bench(progress), QuerySet.of(queries), strategy, seed)

    def roll_back(self, name: str = "", *, progress: Progress | None = None) -> Summary:
        """Go back to a kept generation (the latest where none is named) with all that was changed since, or raise
        InvalidValue ``no-generation``."""
        return self._builder(progress).roll_back(name)

    def _builder(self, progress: Progress | None) -> Builder:
        raise NotImplementedError

    def _bench(self, progress: Progress | None) -> EvaluationContext:
        raise NotImplementedError
