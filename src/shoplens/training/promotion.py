"""Runs a training from end to end: it is tested, reported, and put to use if it is better."""

from __future__ import annotations

from dataclasses import replace

from shoplens.build.builder import Builder
from shoplens.build.generations import adopt_classifier, adopt_head
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.report_files import report_file
from shoplens.evaluation.runs_with_reports import ReportPath
from shoplens.feedback.log import FeedbackLog
from shoplens.store.ranker_file import (
    ClickTrainingState,
    adopt_ranker,
    load_click_training_state,
    load_ranker,
    load_static_weights,
    undo_ranker,
)
from shoplens.store.store import Store
from shoplens.training.classifier import ClassifierOptions, ClassifierTraining, train_and_test_classifier
from shoplens.training.clicks import ClickTraining, Ranking, learn_from_clicks
from shoplens.training.look import LookOptions, LookTraining, delete_checkpoints, train_and_test_look
from shoplens.training.look_weight import adopt_look_weights
from shoplens.training.optimization.training_loop import CLASSIFIER_TRAINING, LOOK_TRAINING
from shoplens.training.ranker import RankerOptions, RankerTraining, train_and_test_ranker
from shoplens.training.reports.classifier import write_classifier_report
from shoplens.training.reports.clicks import write_click_report
from shoplens.training.reports.look import write_look_report
from shoplens.training.reports.ranker import write_ranker_report


def train_look(
    context: EvaluationContext, builder: Builder, options: LookOptions, report: ReportPath = None
) -> LookTraining:
    """Train a look; if it is better (or forced), a new generation with its vectors takes over in one step.

    Until then nothing that answers searches changes, and products may be added and removed: the new generation holds
    the products that exist when it is filled.

    Args:
        context: of the store that is read.
        builder: of the same store.
        report: HTML file to write, with a JSON file beside it.

    Raises:
        InvalidValue, StoreError: as :func:`~shoplens.training.look.train_and_test_look`.
    """
    page = None if report is None else report_file(report, options.pairs)
    proof = train_and_test_look(context, options)
    training = proof.training
    if proof.look is not None:
        adopt_head(builder, proof.look)
        context.progress("Choosing the weight of the look", 0, 0)
        weights = adopt_look_weights(context, options.pairs)
        training = replace(
            training, promoted=True, model=proof.look.model, look_weight=weights.look, text_weight=weights.text
        )
    delete_checkpoints(context.store.folder, LOOK_TRAINING)
    if page is not None:
        context.progress("Drawing the maps", 0, 0)
        with context.reading() as generation:
            write_look_report(page, proof, training, generation.index, context.load_thumbnail)
    return training


def train_classifier(
    context: EvaluationContext, builder: Builder, options: ClassifierOptions, report: ReportPath = None
) -> ClassifierTraining:
    """Train a classifier with an output per product, which then answers by the strategy ``classifier``.

    Args:
        context: of the store that is read.
        builder: of the same store.
        report: HTML file to write, with a JSON file beside it.

    Raises:
        InvalidValue, StoreError: as :func:`~shoplens.training.classifier.train_and_test_classifier`.
    """
    page = None if report is None else report_file(report, options.pairs)
    training, classifier = train_and_test_classifier(context, options)
    adopt_classifier(builder, classifier)
    training = replace(training, model=classifier.model)
    delete_checkpoints(context.store.folder, CLASSIFIER_TRAINING)
    if page is not None:
        with context.reading() as generation:
            write_classifier_report(page, training, generation.index, context.load_thumbnail)
    return training


def train_ranker(
    context: EvaluationContext, log: FeedbackLog, options: RankerOptions, report: ReportPath = None
) -> RankerTraining:
    """Train a ranker, and learn from clicks on top of it if there are some.

    What is better (or forced) ranks from then on; :func:`restore_ranker` goes back to what ranked before.

    Args:
        context: of the store.
        log: of the same store.
        report: HTML file to write, with a JSON file beside it.

    Raises:
        InvalidValue, StoreError: as :func:`~shoplens.training.ranker.train_and_test_ranker`.
    """
    page = None if report is None else report_file(report, options.queries)
    has_clicks = log.has_events()  # fails before the work if the log is damaged
    proof = train_and_test_ranker(context, options)
    training, before = proof.training, _load_current_ranking(context)
    ranking = before
    if training.selected:
        ranking = Ranking(proof.weights, proof.ranker, ClickTrainingState(0.0, before.click_state.after))
    if has_clicks:
        clicks, ranking = learn_from_clicks(
            context, log, ranking, proof.dataset, force=options.force, seed=options.seed
        )
        training = replace(training, clicks=replace(clicks, dry_run=options.dry_run))
    if ranking is not before:
        _promote(context, ranking, dry_run=options.dry_run)
    if page is not None:
        write_ranker_report(page, training, context.load_thumbnail)
    return training


def train_on_clicks(
    context: EvaluationContext, log: FeedbackLog, options: RankerOptions, report: ReportPath = None
) -> ClickTraining:
    """Learn from clicks alone, a bounded step from the current ranking; see :func:`train_ranker`."""
    if options.kind is not None:
        raise InvalidValue(
            "--kind chooses a network to train, and clicks alone train none.", "Leave --kind or --only-clicks out."
        )
    page = None if report is None else report_file(report, options.queries)
    training, ranking = learn_from_clicks(
        context,
        log,
        _load_current_ranking(context),
        None,
        queries=options.queries,
        force=options.force,
        seed=options.seed,
    )
    training = replace(training, dry_run=options.dry_run)
    if training.promoted:
        _promote(context, ranking, dry_run=options.dry_run)
    if page is not None:
        write_click_report(page, training)
    return training


def _load_current_ranking(context: EvaluationContext) -> Ranking:
    with context.reading() as generation:
        return Ranking(load_static_weights(generation), load_ranker(generation), load_click_training_state(generation))


def _promote(context: EvaluationContext, ranking: Ranking, *, dry_run: bool) -> None:
    if not dry_run:
        with context.store.writing(), context.reading() as generation:
            adopt_ranker(generation, ranking.weights, ranking.ranker, ranking.click_state.until)


def restore_ranker(store: Store) -> None:
    """Rank as before the last ranker was put to use.

    Raises:
        InvalidValue: ``nothing-to-undo``.
    """
    with store.writing():
        undo_ranker(store.live)
