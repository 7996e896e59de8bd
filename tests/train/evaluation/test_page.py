"""The page of an evaluation: self-contained, escaped, readable on a telephone."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.e2e.browser import BROWSER, browsing
from train.evaluation.judge_checkpoint import evaluate
from train.evaluation.page import page
from train.evaluation.pictures import label_picture
from train.testing import corpus


@pytest.fixture(scope="module")
def report(checkpoint):
    found = evaluate(*checkpoint, corpus("talk", ("text", "audio"), examples=60), "all", resamples=3)
    worse = {"noise 0 dB": found.metrics | {"macro_f1": 0.123}}
    return replace(found, notes=("Half of the <b>speakers</b> shout.",), robustness=worse)


@pytest.fixture(scope="module")
def text(report):
    return page(report)


def test_nothing_is_loaded_from_anywhere_and_no_script_runs(text):
    loads = re.findall(r'(?:src|href)="(?!#)[^"]*"', text)
    assert not loads, "only pieces of the page itself are referred to"
    assert not re.search(r"<(script|link|img|iframe|object)\b|@import|url\((?!#)", text)


def test_it_holds_both_points_constants_labels_pictures_and_conditions(report, text):
    for word in ("fusion @ default", "fusion @ talk", "constant: all present", "noise 0 dB", "surprise"):
        assert word in text
    assert f"{report.metrics['macro_f1']:.3f}" in text
    assert text.count("<svg") == 1 + 8 + 3 + 1 + 3
    assert "currentColor" in text
    assert "#010203" not in text


def test_what_comes_from_data_is_shown_as_text(report, text):
    hostile = page(replace(report, checkpoint="<script>alert(1)</script>", robustness={}))
    assert "<script>" not in hostile
    assert "Half of the &lt;b&gt;speakers&lt;/b&gt; shout." in text


def test_the_same_picture_is_drawn_in_the_same_way(report):
    assert label_picture(report.per_label) == label_picture(report.per_label)


@pytest.mark.skipif(
    BROWSER is None, reason="no browser to look at the page with: install Debian's package chromium"
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_telephone_nothing_sticks_out_and_the_text_can_be_read(text, tmp_path, scheme):
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    with browsing(tmp_path / "profile") as tab:
        tab.call(
            "Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True
        )
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        tab.open(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") == 360
        ink = tab.evaluate("getComputedStyle(document.querySelector('figure svg text')).fill")
        paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert contrast(ink, paper) > 7
        assert tab.evaluate("document.querySelector('figure svg text').getBoundingClientRect().height") > 8


def contrast(*colours: str) -> float:
    """Ratio of the relative luminances of two CSS colours (WCAG 2)."""

    def luminance(colour: str) -> float:
        parts = [int(n) / 255 for n in re.findall(r"\d+", colour)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(map(luminance, colours))
    return (high + 0.05) / (low + 0.05)
