"""`emotrack compile`: what it says, its exit codes, and that nothing is written when it cannot work."""

from __future__ import annotations

import json

import pytest

import emotrack
from core.backends import compiling, nvidia, registry
from core.backends import preparation as export
from core.backends.compiled import Timing
from core.backends.compiling import Compiled
from core.backends.parity import Finding
from core.spec import read_spec


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """Nothing may be exported or written in these tests: an empty cache stays empty."""
    monkeypatch.setenv("EMOTRACK_CACHE", str(tmp_path))
    monkeypatch.setattr(nvidia, "gpu", lambda: None)
    return tmp_path


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-rtx", "cuda"])
def test_without_a_graphics_card_the_message_is_clear_and_nothing_is_written(name, cache, capsys):
    assert emotrack.main(["compile", "--backend", name]) == 5
    said = capsys.readouterr()
    assert said.err == (
        f"emotrack: {name} cannot be used here: there is no NVIDIA graphics card, or its driver is not "
        "installed. Nothing was written.\n"
    )
    assert said.out == ""
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--backend", "tensort"], "no backend 'tensort'. Did you mean tensorrt?"),
        (["--backend", "onnx", "--dtype", "fp64"], "'fp64' is no precision. Use fp32, bf16, fp16."),
    ],
)
def test_wrong_usage_is_exit_code_2(words, said, cache, capsys):
    assert emotrack.main(["compile", *words]) == 2
    assert said in capsys.readouterr().err
    assert list(cache.iterdir()) == []


@pytest.fixture
def compiled(cache, monkeypatch, random_checkpoint):
    """What the verb asked for; compiling itself is tested elsewhere."""
    asked = []

    def compile_networks(source, backend, precision, *, clock, tell):
        asked.append((source.checkpoint, backend.name, precision))
        return Compiled(
            backend.name,
            precision or backend.precisions[0],
            cache / "folder",
            {"fusion": Finding(3e-6, "text", "fusion")},
            {"fusion": Timing(p50_ms=1.5, p95_ms=2.0)},
        )

    monkeypatch.setattr(compiling, "compile_networks", compile_networks)
    monkeypatch.setattr(
        export, "prepare", lambda folder, _: (read_spec(random_checkpoint), folder / "export")
    )
    return asked


def test_auto_takes_what_this_machine_can_run_and_says_why_not_the_others(
    compiled, random_checkpoint, capsys, monkeypatch
):
    monkeypatch.setattr(registry, "AUTO", ("tensorrt", "onnx-int8", "onnx"))
    assert emotrack.main(["compile", str(random_checkpoint)]) == 0
    assert compiled == [(random_checkpoint, "onnx", None)]
    said = capsys.readouterr().err
    assert "tensorrt is passed over: there is no NVIDIA graphics card" in said
    assert "onnx-int8 is passed over: it changes what is said" in said


def test_the_result_as_json(compiled, random_checkpoint, capsys):
    words = ["compile", str(random_checkpoint), "--backend", "eager", "--dtype", "bf16", "--json"]
    assert emotrack.main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["backend"], found["precision"]) == ("eager", "bf16")
    assert found["parity"]["fusion"]["delta_p"] == 3e-6
    assert found["benchmark"]["fusion"] == {"p50_ms": 1.5, "p95_ms": 2.0}


def test_the_result_for_people_names_the_folder(compiled, cache, random_checkpoint, capsys):
    assert emotrack.main(["compile", str(random_checkpoint), "--backend", "onnx-int8"]) == 0
    said = capsys.readouterr().out
    assert "3.0e-06" in said
    assert f"Wrote {cache / 'folder'}." in said
    assert "emotrack train admit" in said
