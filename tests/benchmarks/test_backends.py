"""bench fusion and bench encoders: figures are joined right and have the promised keys."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest

from benchmarks import backends
from benchmarks.backend_output import emit
from benchmarks.backend_picture import draw
from benchmarks.backend_rounds import WARM_UPS, interleaved, spread
from benchmarks.encoders import JOBS

PROMISED = {"ratio", "p50_ms", "p95_ms", "max_delta_p", "startup_s", "rss_mb"}


def run_of(eager_ms, onnx_ms):
    def jobs(ms):
        return {"fusion": {"p50_ms": ms, "p95_ms": 2 * ms}}

    return {
        "backends": {
            "eager": {"jobs": jobs(eager_ms), "max_delta_p": 0.0, "precision": "fp32"},
            "onnx": {"jobs": jobs(onnx_ms), "max_delta_p": 1e-7, "precision": "fp32"},
        },
        "absent": {"tensorrt": "tensorrt cannot be used here: there is no card."},
    }


@pytest.fixture
def figures(monkeypatch):
    """As measured by processes that are replaced: two runs, two start-ups."""
    asked = []

    def process(module, words, threads, **environment):
        asked.append((module, threads))
        if module == "benchmarks.backend_rounds":
            return run_of(10.0, 6.0) if threads == 1 else run_of(8.0, 5.0)
        return {"startup_s": 0.25, "rss_mb": 90.0, "torch": False}

    monkeypatch.setattr(backends, "process", process)
    monkeypatch.setattr(backends, "compile_missing", lambda *_: None)
    monkeypatch.setattr("core.backends.preparation.prepare", lambda *_: None)
    found = backends.compare_backends(None, {"fusion": ["fusion"]}, "fusion", 7, lambda _: None)
    assert asked == [
        ("benchmarks.backend_rounds", 1),
        ("benchmarks.backend_rounds", 2),
        ("benchmarks.backend_startup", 1),
        ("benchmarks.backend_startup", 1),
    ]
    return found


def test_the_figures_have_the_promised_keys_and_ratios_to_eager(figures):
    assert set(figures["backends"]) == {"eager", "onnx"}
    for row in figures["backends"].values():
        assert set(row) >= PROMISED
    onnx = figures["backends"]["onnx"]
    assert (onnx["ratio"], onnx["p50_ms"], onnx["startup_s"]) == (0.6, 6.0, 0.25)
    assert onnx["threads"]["2"]["fusion"]["ratio"] == pytest.approx(0.625)
    assert figures["backends"]["eager"]["ratio"] == 1.0
    assert "no card" in figures["absent"]["tensorrt"]
    assert figures["machine"]["cores"] >= 1


def test_table_file_and_picture(figures, tmp_path):
    figures["contention"] = [
        {
            "backend": "onnx",
            "network_threads": 1,
            "whisper_threads": 2,
            "wait_policy": "PASSIVE",
            "p50_ms": 20.0,
            "p95_ms": 31.5,
            "whisper_times_real_time": 3.2,
        }
    ]
    out, picture = tmp_path / "figures.json", tmp_path / "picture.png"
    with redirect_stdout(io.StringIO()) as said:
        emit(figures, "fusion", as_json=False, out=out, picture=picture)
    assert "31.5 ms" in said.getvalue()
    assert out.read_text().startswith("{")
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_a_backend_that_could_only_be_measured_with_one_thread_is_drawn(figures, tmp_path):
    del figures["backends"]["onnx"]["threads"]["2"]
    draw(figures, "fusion", tmp_path / "picture.svg")
    assert (
        "onnx" in (tmp_path / "picture.svg").read_text() or (tmp_path / "picture.svg").stat().st_size > 1000
    )


def test_rounds_are_interleaved_in_an_order_that_moves_on():
    order = []
    now = iter(range(10_000))
    calls = {(name, "job"): [(order.append, (name,))] for name in ("a", "b", "c")}
    times_ms = interleaved(calls, 3, lambda: float(next(now)))
    turns = ["".join(order[i : i + 3]) for i in range(0, len(order), 3)]
    assert len(turns) == 3 + WARM_UPS
    assert turns[-3:] == ["abc", "bca", "cab"]
    assert times_ms == {key: [1000.0] * 3 for key in calls}


def test_median_and_95th_percentile():
    assert spread([float(i) for i in range(1, 102)]) == {"p50_ms": 51.0, "p95_ms": 96.0}
    assert spread([5.0]) == {"p50_ms": 5.0, "p95_ms": 5.0}


def test_a_hop_is_a_face_a_block_of_speech_and_the_fusion():
    assert JOBS["hop"] == ["visual", "audio", "fusion"]
