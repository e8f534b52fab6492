"""How good a shop's answers are.

Modules that measure are imported when they are called, so that searching and serving load none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from shoplens.embedders import Embedder, OnnxEmbedder, network_file
from shoplens.embedders.embedder import ALL_OBJECTS, NO_OBJECTS
from shoplens.search.pipeline import strategy_of
from shoplens.shop.parts import ShopParts
from shoplens.types import Progress, Vectors
from shoplens.types.progress import ignore_progress

if TYPE_CHECKING:
    from shoplens.evaluation.calibrate import CalibrationResult
    from shoplens.evaluation.catalogue_map.mapping import CatalogueMap, Projector
    from shoplens.evaluation.doctor.findings import Diagnosis
    from shoplens.evaluation.model_comparison import ModelMeasurement
    from shoplens.evaluation.regression.check import CheckOptions, CheckResult
    from shoplens.evaluation.results import Comparison, Evaluation


class ShopQuality:
    """Measures how good the answers of an open shop are."""

    def __init__(self, parts: ShopParts) -> None:
        self._parts = parts

    def evaluate(
        self,
        queries: str | Path | None = None,
        *,
        strategy: str = "",
        report: str | Path | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Evaluation:
        """Measure how often a strategy finds the right product.

        Args:
            queries: CSV file with ``photo,product_id`` rows; None queries with every photo of a product after its
                first, each taken out of the gallery while it is the query.
            strategy: the default strategy where none is named.
            report: HTML file to write, with a JSON file beside it.
            seed: of the resampling.

        Raises:
            InvalidValue: there are no queries, a column is missing, or none of them can be judged.
        """
        from shoplens.evaluation.evaluate import QuerySet
        from shoplens.evaluation.runs_with_reports import evaluate_with_report

        chosen = strategy_of(self._parts.store, strategy)
        return evaluate_with_report(
            self._parts.evaluation_context(progress), QuerySet.from_path(queries), chosen, report, seed
        )

    def compare(
        self,
        queries: str | Path | None = None,
        *,
        report: str | Path | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Comparison:
        """Evaluate all strategies on the same queries, and measure what they cost. See :meth:`evaluate`."""
        from shoplens.evaluation.evaluate import QuerySet
        from shoplens.evaluation.runs_with_reports import compare_with_report

        return compare_with_report(self._parts.evaluation_context(progress), QuerySet.from_path(queries), report, seed)

    def calibrate(
        self,
        queries: str | Path | None = None,
        *,
        strategy: str = "",
        absent_share: float | None = None,
        report: str | Path | None = None,
        progress: Progress | None = None,
    ) -> CalibrationResult:
        """Fit the match probability of the live generation, with which answers say how sure they are.

        Args:
            queries: as for :meth:`evaluate`.
            absent_share: how often shoppers photograph what the shop does not have, above 0 and below 1; .5 when
                omitted.

        Raises:
            InvalidValue: ``too-few-queries``, and as :meth:`evaluate`; the calibration before stays.
        """
        from shoplens.evaluation.evaluate import QuerySet
        from shoplens.evaluation.runs_with_reports import calibrate_with_report
        from shoplens.evaluation.statistics.calibration import ABSENT_SHARE

        chosen = strategy_of(self._parts.store, strategy)
        context = self._parts.evaluation_context(progress)
        share = ABSENT_SHARE if absent_share is None else absent_share
        return calibrate_with_report(context, QuerySet.from_path(queries), chosen, share, report)

    def check(
        self,
        options: CheckOptions | None = None,
        *,
        strategy: str = "",
        report: str | Path | None = None,
        progress: Progress | None = None,
    ) -> CheckResult:
        """Search for corrupted photos, and compare how often they find their product with a baseline.

        Raises:
            InvalidValue: ``no-baseline``, or nothing could be searched for.
        """
        from shoplens.evaluation.regression.check import CheckOptions
        from shoplens.evaluation.runs_with_reports import check_with_report

        chosen = strategy_of(self._parts.store, strategy)
        return check_with_report(self._parts.evaluation_context(progress), options or CheckOptions(), chosen, report)

    def diagnose(
        self,
        kinds: Iterable[str] = (),
        *,
        report: str | Path | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Diagnosis:
        """Look for what is odd in the catalogue: values that photos contradict, duplicates, products never found, …

        Args:
            kinds: of findings, as :data:`~shoplens.evaluation.doctor.findings.KINDS` names them; all when none is.
            report: HTML file to write, with a JSON Lines file beside it.
            seed: of the sample of photos, where there are too many to use all of them.

        Raises:
            InvalidValue: ``unknown-kind``.
        """
        from shoplens.evaluation.runs_with_reports import diagnose_with_report

        return diagnose_with_report(self._parts.evaluation_context(progress), kinds, report, seed)

    def measure_models(
        self, queries: str | Path, names: Iterable[str], progress: Progress | None = None
    ) -> list[ModelMeasurement]:
        """Measure, side by side, the store's own model and others: how often a whole search, with the shop's settings,
        and the look alone find the product, the CPU time of a photo, and the bytes of a product. The store stays as it
        is.

        Args:
            queries: CSV file with ``photo,product_id`` rows.
            names: of models, or ONNX files.

        Raises:
            ModelError: ``no-model``.
            InvalidValue: there are no queries, a column is missing, or none of them is of a product of the store.
        """
        from shoplens.evaluation.model_comparison import measure_models

        parts = self._parts
        with parts.store.reading() as generation:
            own = parts.embedders.for_generation(generation, 1)
            models = {own.model.partition("@")[0]: own, **{name: self._open_model(name) for name in names}}
            source, report = parts.known_photos, progress or ignore_progress
            return measure_models(generation.index, models, source, parts.settings, Path(queries), report)

    def fit_axes(self, model: str, dimensions: int) -> Vectors:
        """Return the axes, float32 (d, dimensions), by which the vectors of a model lose least on this shop's photos.

        Raises:
            ModelError: ``no-model``.
            InvalidValue: ``too-few-photos``.
        """
        from shoplens.evaluation.model_comparison import embed_catalogue, fit_axes

        parts = self._parts
        with parts.store.reading() as generation:
            vectors = embed_catalogue(generation.index, self._open_model(model), parts.known_photos, parts.settings)
        return fit_axes(vectors, dimensions)

    def _open_model(self, name: str) -> Embedder:
        settings = self._parts.settings
        path = network_file(Path(name), models=settings.models)
        objects = ALL_OBJECTS if settings.objects else NO_OBJECTS
        return OnnxEmbedder(path, objects=objects, providers=settings.providers)

    def map(self, seed: int = 0, projector: Projector | None = None) -> CatalogueMap:
        """Return a map of the catalogue on which similar products lie together; of a large one, a sample of 3,000.

        Args:
            seed: random seed.
            projector: projects the vectors; by default, in this process.
        """
        from shoplens.evaluation.catalogue_map.mapping import QuerySample, build_catalogue_map
        from shoplens.evaluation.catalogue_map.projection import project

        with self._parts.store.reading() as generation:
            return build_catalogue_map(generation.index, QuerySample(), seed, projector or project)
