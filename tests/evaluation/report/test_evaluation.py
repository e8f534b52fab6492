from __future__ import annotations

from dataclasses import replace

import numpy as np
from markupsafe import Markup

from shoplens.errors import PhotoError
from shoplens.evaluation.query_runs import CATEGORY_RECALL
from shoplens.evaluation.report.evaluation import evaluation_page, summary
from shoplens.evaluation.results import (
    CategoryMetrics,
    Confusion,
    Estimate,
    Evaluation,
    JudgedAnswer,
    OmissionCount,
    ProductSummary,
)
from shoplens.evaluation.statistics.metrics import METRICS
from shoplens.types import Pixels, Region

SOME = Estimate(0.263, 0.211, 0.315)
HAT = ProductSummary("hat-1", "Felt hat", "/hat.jpg", 0.512)
CAP = ProductSummary("cap-1", "Wool cap", "/cap.jpg", 0.871)
LATE = JudgedAnswer("/phone/one.jpg", Region(2, 2, 10, 10), (HAT, CAP), 37, (CAP, HAT))
NEVER = JudgedAnswer("/phone/two.jpg", None, (HAT,), None, ())
EVALUATION = Evaluation(
    store="shop/store",
    queries_from="phone photos",
    strategy="hybrid",
    model="lite@1",
    products=1417,
    queries=251,
    absent=11,
    left_out=(OmissionCount("product-not-in-store", 11, "IMG_7.jpg", "Add the product."),),
    overall={**dict.fromkeys(METRICS, SOME), CATEGORY_RECALL: Estimate(0.39, 0.33, 0.45)},
    categories=(
        CategoryMetrics(
            "Hats", 14, {"recall@1": Estimate(0.5, 0.27, 0.73), CATEGORY_RECALL: Estimate(0.643, 0.39, 0.84)}
        ),
        CategoryMetrics("Gear / Bags", 3, {"recall@1": Estimate(0.0, 0.0, 0.56)}),
    ),
    curve=tuple(Estimate(share, share - 0.05, share + 0.05) for share in (0.263, 0.4, 0.5, 0.55, 0.58, 0.6)),
    worst=(NEVER, LATE),
    confused=(Confusion(HAT, CAP, 3), Confusion(CAP, HAT, 1)),
    milliseconds={"retrieve": 4.21, "rank": 0.8},
    seed=7,
)
EMPTY = replace(
    EVALUATION,
    queries=0,
    absent=0,
    left_out=(),
    overall={},
    categories=(),
    curve=(),
    worst=(),
    confused=(),
    milliseconds={},
)


def picture(source: str) -> Pixels:
    return np.full((30, 20, 3), 128, np.uint8)


def test_the_summary_states_the_main_figure() -> None:
    told = "Of 251 photos, 26.3 % find their product first (21.3–31.3), 58 % among the first five."
    assert summary(EVALUATION).replace("\u00a0", " ") == told
    short = replace(EVALUATION, curve=EVALUATION.curve[:1], queries=1)
    assert summary(short).replace("\u00a0", " ") == "Of 1 photo, 26.3 % find their product first (21.3–31.3)."
    assert summary(EMPTY).startswith("No photo could be judged")


def test_the_page_shows_every_part_of_the_evaluation() -> None:
    text = evaluation_page(EVALUATION, picture, Markup("<div>the map</div>")).replace("\u00a0", " ")
    for name, metric in METRICS.items():
        assert name in text
        assert metric.about in text
    for shown in ("hybrid", "lite@1", "shop/store", "phone photos", "1,417", "251 photos had", "11 photos had none"):
        assert shown in text
    for shown in (
        "IMG_7.jpg",
        "Add the product.",
        "product not in store",
        "<div>the map</div>",
        "seed 7",
        "4.2 (median)",
    ):
        assert shown in text
    for shown in ("Hats", "n = 14", "27.0–73.0", "64.3 %", "Gear / Bags", "0.0–56.0", "recall@1 in category"):
        assert shown in text


def test_the_thing_in_a_query_photo_stands_beside_it_where_one_is_found() -> None:
    asked = []

    def cut_out(source: str, region: Region | None) -> Pixels | None:
        asked.append((source, region))
        return picture(source)

    alt = "the thing that was found in the query photo"
    assert evaluation_page(EVALUATION, picture, cut_out=cut_out).count(alt) == len(EVALUATION.worst) > 0
    assert asked == [(answer.photo, answer.region) for answer in EVALUATION.worst]
    assert alt not in evaluation_page(EVALUATION, picture)
    assert alt not in evaluation_page(EVALUATION, picture, cut_out=lambda source, region: None)

    def fail(source: str, region: Region | None) -> Pixels | None:
        raise OSError(source)

    assert alt not in evaluation_page(EVALUATION, picture, cut_out=fail)


def test_the_map_keeps_its_own_heading() -> None:
    text = evaluation_page(EVALUATION, picture, Markup("<section><h2>Map of the catalogue</h2></section>"))
    assert text.count("<h2>Map of the catalogue</h2>") == 1
    assert 'href="#part-6">Map of the catalogue</a>' in text
    assert '<div id="part-6"><section>' in text


def test_the_worst_are_shown_with_what_was_found_instead() -> None:
    text = evaluation_page(replace(EVALUATION, confused=()), picture)
    assert "Right product at rank 37" in text
    assert "not among the ranked products" in text
    for shown in ("one.jpg", "two.jpg", "searched for the marked part", "and 1 more would also be right"):
        assert shown in text
    assert "0.512" in text and "0.871" in text
    assert text.count("<img") == 6  # the late one: photo, right, two found; the one never found: photo and right
    assert text.count('<li class="is-right">') == 2


def test_the_confused_are_pairs_with_how_often() -> None:
    text = evaluation_page(replace(EVALUATION, worst=()), picture)
    assert text.count("<img") == 4
    assert "3 times" in text
    assert "once" in text
    assert "came first · cap-1" in text


def test_a_page_without_answers_omits_its_sections() -> None:
    text = evaluation_page(EMPTY, picture)
    for left_out in ("By category", "Worst queries", "Confused products", "Map of the catalogue", "<figure", "<img"):
        assert left_out not in text
    assert "No photo was set aside" in text


def test_an_answer_without_a_right_product_is_still_shown() -> None:
    text = evaluation_page(replace(EVALUATION, worst=(replace(NEVER, right=()),)), picture)
    assert "two.jpg" in text


def test_text_from_a_feed_is_text_and_nothing_is_loaded() -> None:
    bad = '"><script>alert(1)</script>'
    hostile = ProductSummary(bad, bad, bad, 0.5)
    text = evaluation_page(
        replace(
            EVALUATION,
            store=bad,
            queries_from=bad,
            strategy=bad,
            model=bad,
            left_out=(OmissionCount(bad, 1, bad, bad),),
            overall={bad: SOME},
            categories=(CategoryMetrics(bad, 1, {"recall@1": SOME}),),
            worst=(JudgedAnswer(bad, None, (hostile,), None, (hostile,)),),
            confused=(Confusion(hostile, hostile, 2),),
            milliseconds={bad: 1.0},
        ),
        picture,
    )
    assert "<script" not in text
    for loading in ("http", "url(", "@import", "<link"):
        assert loading not in text


def test_photos_that_cannot_be_read_are_boxes() -> None:
    def broken(source: str) -> Pixels:
        raise PhotoError(f"{source} is damaged.", "Send it again.")

    text = evaluation_page(EVALUATION, broken)
    assert "<img" not in text
    assert text.count("photo cannot be read") == 10
