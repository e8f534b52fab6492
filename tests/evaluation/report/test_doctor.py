from __future__ import annotations

import re

import numpy as np

from shoplens.errors import PhotoError
from shoplens.evaluation.doctor.findings import Diagnosis, Finding, FindingPhoto
from shoplens.evaluation.report.doctor import MAX_SHOWN, doctor_page
from shoplens.types import Pixels

WRONG = Finding(
    "wrong-value",
    ("<p1>",),
    "color: the feed says red, the photo says <blue>.",
    "Correct color.",
    (
        FindingPhoto("<p1>", "Hat & scarf", "/p1.png", "this product"),
        FindingPhoto("p2", "Other", "/p2.png", "what the feed calls red"),
    ),
    "color",
    "red",
    "<blue>",
    0.97,
)


def picture(source: str) -> Pixels:
    if source == "/gone.png":
        raise PhotoError("gone", "mend")
    return np.zeros((8, 8, 3), np.uint8)


def page(*findings: Finding) -> str:
    kinds = tuple(dict.fromkeys(one.kind for one in findings)) or ("wrong-value",)
    text = doctor_page(Diagnosis(findings, kinds, 1234, "model@1", ("A <note>.",)), picture)
    return re.sub(r"\s+", " ", text)


def test_a_finding_is_shown_with_its_photos() -> None:
    text = page(WRONG)
    assert text.count("<img ") == 2
    shown = (
        "Hat &amp; scarf",
        "&lt;blue&gt;",
        "&lt;p1&gt;",
        "what the feed calls red",
        "A &lt;note&gt;.",
        "1,234 products",
    )
    assert [one for one in shown if one not in text] == []
    assert "1 thing to look at, of 1 kind." in text
    assert text.count('class="photo compared"') == 1
    assert "<blue>" not in text
    assert not re.search(r"https?://", text)


def test_the_strongest_of_many_findings_are_shown_with_the_total_count() -> None:
    many = [
        Finding("never-found", (f"p{number}",), f"sentence {number}.", "Look.", strength=-float(number))
        for number in range(MAX_SHOWN + 5)
    ]
    text = page(*many)
    assert text.count('<li class="finding">') == MAX_SHOWN
    assert "Never found (65)" in text
    assert f"The strongest are shown, {MAX_SHOWN} of 65;" in text
    assert "sentence 59." in text
    assert "sentence 60." not in text
    assert "strongest" not in page(*many[:MAX_SHOWN])


def test_dimensions_alternate_if_not_all_findings_can_be_shown() -> None:
    many = [Finding("wrong-value", (f"c{n}",), f"color {n}.", "Look.", dimension="color") for n in range(MAX_SHOWN)]
    few = [Finding("wrong-value", (f"s{n}",), f"shape {n}.", "Look.", dimension="shape") for n in range(2)]
    text = page(*many, *few)
    told = re.findall(r'<p class="said">(.*?)</p>', text)
    assert told[:5] == ["color 0.", "shape 0.", "color 1.", "shape 1.", "color 2."]
    assert (len(told), told[-1]) == (MAX_SHOWN, f"color {MAX_SHOWN - 3}.")
    assert f"The strongest of each dimension in turn are shown, {MAX_SHOWN} of {MAX_SHOWN + 2};" in text


def test_products_that_are_not_shown_are_named() -> None:
    ids = tuple(f"p{number}" for number in range(20))
    shared = Finding("shared-photo", ids, "20 products.", "Mend.", (FindingPhoto("p0", "A", "/gone.png"),))
    text = page(shared)
    assert "<h3>20 products</h3>" in text
    assert "<summary>19 more</summary>p1, p2" in text
    assert "photo cannot be read" in text
    few = Finding("shared-photo", ids[:3], "3 products.", "Mend.", (FindingPhoto("p0", "A", "/p0.png"),))
    assert "also p1, p2" in page(few)


def test_a_page_without_findings_says_so() -> None:
    text = page()
    assert "Nothing was found that somebody should look at." in text
    assert "Wrong value (0)" not in text
