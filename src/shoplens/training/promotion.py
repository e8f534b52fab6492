"""A training from end to end: proved, reported, and taken if it is better."""

from __future__ import annotations

from dataclasses import replace

from shoplens.build.builder import Builder
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.reported import File
from shoplens.evaluation.written import report_file
from shoplens.feedback.log import FeedbackLog
from shoplens.store.ranker_file import ClickTrainingState, ranker_of, static_weights, take_ranker, taught, undo_ranker
from shoplens.store.store import Store
from shoplens.training.classifier import ClassifierOptions, ClassifierTraining, train_and_test_classifier
from shoplens.training.classifier_report import write_classifier_report
from shoplens.training.click_report import write_click_report
from shoplens.training.clicks import ClickTraining, Ranking, learn_from_clicks
from shoplens.training.look import LookOptions, LookTraining, forget_checkpoints, train_and_test_look
from shoplens.training.optimization.training_loop import CLASSIFIER, LOOK
from shoplens.training.ranker import RankerOptions, RankerTraining, train_and_test_ranker
from shoplens.training.ranker_report import write_ranker_report
from shoplens.training.report import write_look_report


def train_look(bench: EvaluationContext, builder: Builder, options: LookOptions, report: File = None) -> LookTraining:
    """Train a look; if it is better (or forced), a new generation of its vectors takes over in one step.

    Until then nothing that answers searches is changed, and products may be added and removed: the new generation
    holds what there is when it is filled.

    Args:
        bench: of the store that is read.
        builder: of the same store.
        report: HTML file to write, with a JSON file beside it.

    Raises:
        InvalidValue, StoreError: as :func:`~shoplens.training.look.train_and_test_look`.
    """
    page = None if report is None else report_file(report, options.pairs)
    proved = train_and_test_look(bench, options)
    training = proved.training
    if proved.look is not None:
        builder.adopt_head(proved.look)
        training = replace(training, taken=True, model=proved.look.model)
    forget_checkpoints(bench.store.folder, LOOK)
    if page is not None:
        bench.progress("Drawing the maps", 0, 0)
        with bench.reading() as generation:
            write_look_report(page, proved, training, generation.index, bench.small_picture)
    return training


def train_classifier(
    bench: EvaluationContext, builder: Builder, options: ClassifierOptions, report: File = None
) -> ClassifierTraining:
    """Train a classifier with an output per product, which then answers by the strategy ``classifier``.

    Args:
        bench: of the store that is read.
        builder: of the same store.
        report: HTML file to write, with a JSON file beside it.

    Raises:
        InvalidValue, StoreError: as :func:`~shoplens.training.classifier.train_and_test_classifier`.
    """
    page = None if report is None else report_file(report, options.pairs)
    training, classifier = train_and_test_classifier(bench, options)
    builder.adopt_classifier(classifier)
    training = replace(training, model=classifier.model)
    forget_checkpoints(bench.store.folder, CLASSIFIER)
    if page is not None:
        with bench.reading() as generation:
            write_classifier_report(page, training, generation.index, bench.small_picture)
    return training


def train_ranker(
    bench: EvaluationContext, log: FeedbackLog, options: RankerOptions, report: File = None
) -> RankerTraining:
    """Train a ranker, and learn from clicks on top of it where there are some; what is better (or forced) ranks from
    then on, and what ranked before can be gone back to.

    Args:
        bench: of the store.
        log: of the same store.
        report: HTML file to write, with a JSON file beside it.

    Raises:
        InvalidValue, StoreError: as :func:`~shoplens.training.ranker.train_and_test_ranker`.
    """
    page = None if report is None else report_file(report, options.queries)
    has_clicks = log.has_events()  # a log that is damaged is told before the work
    proved = train_and_test_ranker(bench, options)
    training, before = proved.training, _what_ranks(bench)
    ranking = before
    if training.taken:
        ranking = Ranking(proved.weights, proved.ranker, ClickTrainingState(0.0, before.taught.after))
    if has_clicks:
        clicks, ranking = learn_from_clicks(bench, log, ranking, proved.tasks, force=options.force, seed=options.seed)
        training = replace(training, clicks=replace(clicks, dry_run=options.dry_run))
    if ranking is not before:
        _take(bench, ranking, dry_run=options.dry_run)
    if page is not None:
        write_ranker_report(page, training, bench.small_picture)
    return training


def train_on_clicks(
    bench: EvaluationContext, log: FeedbackLog, options: RankerOptions, report: File = None
) -> ClickTraining:
    """Learn from clicks alone, a bounded step from what ranks now; see :func:`train_ranker`."""
    if options.kind is not None:
        raise InvalidValue("--kind says which network, and clicks make none.", "Leave one of them out.")
    page = None if report is None else report_file(report, options.queries)
    training, ranking = learn_from_clicks(
        bench,
        log,
        _what_ranks(bench),
        None,
        queries=options.queries,
        force=options.force,
        seed=options.seed,
    )
    training = replace(training, dry_run=options.dry_run)
    if training.taken:
        _take(bench, ranking, dry_run=options.dry_run)
    if page is not None:
        write_click_report(page, training)
    return training


def _what_ranks(bench: EvaluationContext) -> Ranking:
    with bench.reading() as generation:
        return Ranking(static_weights(generation), ranker_of(generation), taught(generation))


def _take(bench: EvaluationContext, ranking: Ranking, *, dry_run: bool) -> None:
    if not dry_run:
        with bench.store.writing(), bench.reading() as generation:
            take_ranker(generation, ranking.weights, ranking.ranker, ranking.taught.until)


def restore_ranker(store: Store) -> None:
    """Rank by what was ranked by before the last ranker was taken.

    Raises:
        InvalidValue: ``nothing-to-undo``.
    """
    with store.writing():
        undo_ranker(store.live)
