from __future__ import annotations

import re

from shoplens.evaluation.report.calibration import calibration_page
from shoplens.evaluation.results import Estimate, Reliability, ReliabilityBin

BINS = [ReliabilityBin(1200, 0.2, Estimate(0.1, 0.05, 0.3)), ReliabilityBin(40, 0.9, Estimate(0.75, 0.6, 0.85))]
FIRST = Reliability("The first result is the product", BINS, Estimate(0.031, 0.012, 0.058), 1240)
CLAIMS = [("Claim", "True"), ("exact", "96.9 %"), ("<similar>", "95.2 %")]


def test_every_kind_of_probability_has_a_diagram_and_its_figures() -> None:
    other = Reliability("Not in this <catalogue>", BINS[:1], Estimate(0.09, 0.05, 0.13), 301)
    text = calibration_page("Calibration", ["Judged on others."], [FIRST, other], CLAIMS)
    text = re.sub(r"\s+", " ", text)
    assert text.count("<figure") == 2
    for shown in ("1,240 answers", "3.1 % (1.2–5.8)", "1,200", "75.0 %", "60.0–85.0", "−15.0", "Judged on others."):
        assert shown in text
    for shown in ("Not in this &lt;catalogue&gt;", "What may be claimed", "exact", "&lt;similar&gt;", "95.2 %"):
        assert shown in text
    assert "http" not in text


def test_too_few_answers_are_reported_and_no_claims_are_shown() -> None:
    text = calibration_page("Calibration", [], [Reliability("x", (), Estimate(0, 0, 0), 0)], CLAIMS[:1])
    assert "too few answers" in text
    assert "What may be claimed" not in text
    assert "<section" not in calibration_page("Calibration", [], [])
