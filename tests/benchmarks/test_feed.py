"""`bench feed`: its figures have the keys that are promised, and are what they say."""

from __future__ import annotations

import json
from collections import Counter

from benchmarks.feed import _measured, _Quantiles
from benchmarks.feed_server import Plan
from tests.command import emotrack


def test_the_figures_of_a_short_run_have_the_promised_keys_and_no_final_is_lost(tmp_path):
    words = ["--viewers", "1", "--viewers", "6", "--seconds", "2", "--storm", "6", "--no-peers", "--json"]
    picture = tmp_path / "feed.png"
    done = emotrack("bench", "feed", *words, "--picture", str(picture), timeout_s=120)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert {"viewers", "p50_ms", "p99_ms", "kb_per_viewer", "finals_lost", "peers"} <= set(figures)
    assert (figures["viewers"], figures["finals_lost"]) == (6, 0)
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]
    assert [run["viewers"] for run in figures["runs"]] == [1, 6]
    storm = figures["storm"]
    assert (storm["finals_lost"], storm["finals_twice"]) == (0, 0)
    assert storm["all_back_s"] > 0
    assert picture.stat().st_size > 10_000


def test_a_plain_server_is_measured_in_the_same_way():
    run = _measured(Plan("broadcast", 2, 20.0, 1.5, 65_536), 1)
    assert (run["viewers"], run["finals_lost"], run["left_out"]) == (2, 0, 0)


def test_quantiles_are_those_of_the_bins():
    bins = Counter({4: 98, 9: 1, 99: 1})
    quantiles = _Quantiles(bins)
    assert [quantiles.at(share) for share in (0.5, 0.99, 1.0)] == [0.5, 1.0, 10.0]
    assert _Quantiles(Counter()).at(0.5) is None
