"""How good a shop's answers are: the part of :class:`~shoplens.shop.shop.Shop` that measures.

What measures is imported when it is asked for: to search or to serve takes none of it, and loads sooner.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from shoplens.build.run import Progress
from shoplens.embedders import Embedders
from shoplens.images import PhotoSource
from shoplens.search.pipeline import strategy_of
from shoplens.settings import Settings
from shoplens.store.store import Store

if TYPE_CHECKING:
    from shoplens.evaluation.calibrate import CalibrationResult
    from shoplens.evaluation.catalogue_map.mapping import CatalogueMap
    from shoplens.evaluation.doctor.findings import Diagnosis
    from shoplens.evaluation.evaluate import EvaluationContext
    from shoplens.evaluation.regression.check import Checked, CheckOptions
    from shoplens.evaluation.results import Comparison, Evaluation


class Evaluating:
    """Of a store that is open."""

    settings: Settings
    _store: Store
    _embedders: Embedders
    _judged_photos: PhotoSource

    def evaluate(
        self,
        queries: str | Path | None = None,
        *,
        strategy: str = "",
        report: str | Path | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Evaluation:
        """How often a strategy is right.

        Args:
            queries: CSV file with ``photo,product_id`` rows; None asks with every photo of a product after its first,
                which is taken out of the gallery.
            report: HTML file to write, with a JSON file beside it.
            seed: of the resampling.

        Raises:
            InvalidValue: there are no queries, a column is missing, or none of them can be judged.
        """
        from shoplens.evaluation.evaluate import QuerySet
        from shoplens.evaluation.reported import evaluate_with_report

        chosen = strategy_of(self._store, strategy)
        return evaluate_with_report(self._bench(progress), QuerySet.of(queries), chosen, report, seed)

    def compare(
        self,
        queries: str | Path | None = None,
        *,
        report: str | Path | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Comparison:
        """All strategies on the same queries: how often they are right, and what they cost. See :meth:`evaluate`."""
        from shoplens.evaluation.evaluate import QuerySet
        from shoplens.evaluation.reported import compare_with_report

        return compare_with_report(self._bench(progress), QuerySet.of(queries), report, seed)

    def calibrate(
        self,
        queries: str | Path | None = None,
        *,
        strategy: str = "",
        absent_share: float | None = None,
        report: str | Path | None = None,
        progress: Progress | None = None,
    ) -> CalibrationResult:
        """Fit the match probability, so that answers can say how sure they are. It belongs to the live generation.

        Args:
            queries: as for :meth:`evaluate`.
            absent_share: how often shoppers photograph what the shop does not have, above 0 and below 1; .5 when
                omitted.

        Raises:
            InvalidValue: ``too-few-queries``, and as :meth:`evaluate`; what was calibrated before stays.
        """
        from shoplens.evaluation.evaluate import QuerySet
        from shoplens.evaluation.reported import calibrate_with_report
        from shoplens.evaluation.statistics.calibration import ABSENT_SHARE

        asked, chosen = QuerySet.of(queries), strategy_of(self._store, strategy)
        share = ABSENT_SHARE if absent_share is None else absent_share
        return calibrate_with_report(self._bench(progress), asked, chosen, share, report)

    def check(
        self,
        options: CheckOptions | None = None,
        *,
        strategy: str = "",
        report: str | Path | None = None,
        progress: Progress | None = None,
    ) -> Checked:
        """Search for corrupted photos, and compare how often they find their product with a baseline.

        Raises:
            InvalidValue: ``no-baseline``, or nothing could be searched for.
        """
        from shoplens.evaluation.regression.check import CheckOptions
        from shoplens.evaluation.reported import check_with_report

        chosen = strategy_of(self._store, strategy)
        return check_with_report(self._bench(progress), options or CheckOptions(), chosen, report)

    def doctor(
        self,
        kinds: Iterable[str] = (),
        *,
        report: str | Path | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Diagnosis:
        """What is odd in the catalogue: values that photos contradict, duplicates, products that are never found, …

        Args:
            kinds: of findings, as :data:`~shoplens.evaluation.doctor.findings.KINDS` names them; all when none is.
            report: HTML file to write, with a JSON Lines file beside it.
            seed: of the draw of photos, where there are too many to ask all of them.

        Raises:
            InvalidValue: ``unknown-kind``.
        """
        from shoplens.evaluation.reported import diagnose_with_report

        return diagnose_with_report(self._bench(progress), kinds, report, seed)

    def map(self, seed: int = 0) -> CatalogueMap:
        """The catalogue on a map on which what looks alike lies together; of a large one, 3,000 products."""
        from shoplens.evaluation.catalogue_map.mapping import QuerySample, catalogue_map

        with self._store.reading() as generation:
            return catalogue_map(generation.index, QuerySample(), seed)

    def _bench(self, progress: Progress | None) -> EvaluationContext:
        from shoplens.evaluation.evaluate import EvaluationContext

        told = progress or (lambda what, done, total: None)
        return EvaluationContext(self._store, self._embedders.of(1), self._judged_photos, self.settings, told)
