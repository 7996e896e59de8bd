"""bench peers: figures of a row, the table, and what each product is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.competitors import clients, command, environments, run
from benchmarks.competitors.figures import row
from benchmarks.competitors.products import (
    PRODUCTS,
    Recogniser,
    emotrack_words,
    realtimestt_arguments,
    whisperlivekit_words,
)
from benchmarks.competitors.run import Run
from benchmarks.competitors.speech import Script
from benchmarks.competitors.table import markdown
from benchmarks.competitors.words import RecognisedWords
from benchmarks.process_tree import PeakMemory, cpu_s, resident_mb
from core.errors import ConfigError, EmotrackError

SHARED = Recogniser("base", "/weights/base", "/weights/base.pt", "ABz", "en", 2)
SCRIPT = Script(np.zeros(160_000, np.float32), 16_000, ((2.0, 3.0), (6.0, 7.5)))
SAID = [("come", "in"), ("sit", "down")]


def a_run(*told, began_s=1000.0):
    heard = RecognisedWords()
    for at_s, settled, open_end in told:
        heard.update(began_s + at_s, settled, open_end)
    return Run(heard, began_s, cpu_s=3.0, wall_s=10.0, peak_mb=400.0)


@pytest.fixture
def figures():
    fine = a_run(
        (2.8, "", "Come"), (3.2, "", "Come in."), (3.6, "Come in.", ""), (8.1, "Come in. Sit town.", "")
    )
    half = a_run((3.8, "Come in.", ""))
    found = row(PRODUCTS["emotrack"], [fine, half], SCRIPT, SAID, [("come", "in"), ("sit", "town")])
    return {
        "rows": {"emotrack": found, "realtimestt": {"failed": "does not start"}},
        "command": "emotrack bench peers",
        "whisper": "base",
        "threads": 2,
        "rounds": 2,
        "utterances": 2,
        "speech_s": 2.5,
        "pause_s": 2.5,
        "word_error_offline": 0.25,
        "machine": {"cpu": "some", "cores": 2, "load_average": [0.1]},
    }


def test_a_row_counts_from_the_true_end_of_speech_over_all_rounds(figures):
    found = figures["rows"]["emotrack"]
    final, shown = found["speech_end_to_final_text_ms"], found["speech_end_to_shown_text_ms"]
    assert (final["p50"], final["count"]) == (600.0, 3)  # 600, 600 and 800 ms
    assert shown["p50"] == pytest.approx(600.0)  # 200, 600 and 800 ms
    assert (found["utterances"], found["missed"], found["hang_over_ms"]) == (4, 1, 500.0)
    assert (found["word_error"], found["words_unlike_offline"]) == (0.375, 0.25)
    assert (found["cpu_s_per_s"], found["peak_rss_mb"]) == (0.3, 400.0)


def test_the_table_has_a_line_per_row_and_says_which_failed(figures):
    lines = markdown(figures).rstrip("\n").split("\n")
    assert lines[0] == "`emotrack bench peers`"
    rows = [line for line in lines if line.startswith("| `")]
    assert rows[0].endswith("| 600, 780 | 500 | 600 | 0.30 | 400 | 37.5% | 25.0% | 1 of 4 |")
    assert rows[1].startswith("| `realtimestt` | failed |")
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1


def test_all_rows_share_weights_language_and_arithmetic():
    ours = emotrack_words(PRODUCTS["emotrack-words"], SHARED)
    assert ours[ours.index("--whisper") + 1] == "base"
    assert [ours[k + 1] for k, word in enumerate(ours) if word == "--set"] == [
        "whisper.threads=2",
        "engine.transcript.partials=false",
    ]
    theirs = realtimestt_arguments(PRODUCTS["realtimestt-tuned"], SHARED)
    assert (theirs["model"], theirs["language"], theirs["compute_type"]) == ("/weights/base", "en", "int8")
    assert theirs["post_speech_silence_duration"] == 0.5
    assert "post_speech_silence_duration" not in realtimestt_arguments(PRODUCTS["realtimestt"], SHARED)
    agreement = whisperlivekit_words(PRODUCTS["whisperlivekit-agreement"], SHARED, 1)
    assert agreement[agreement.index("--model_dir") + 1] == "/weights/base"
    default = whisperlivekit_words(PRODUCTS["whisperlivekit"], SHARED, 1)
    assert default[default.index("--decoder-model-path") + 1] == "/weights/base.pt"


def test_our_pause_is_the_one_that_tuned_peers_get():
    from benchmarks.competitors.products import END_PAUSE_S
    from realtime.config import LiveConfig

    assert LiveConfig().engine.voice.end_pause_s == END_PAUSE_S


def test_a_row_that_nobody_knows_is_an_error_that_names_those_that_are_known():
    with pytest.raises(ConfigError, match="realtimestt-tuned"):
        command.peers(row=["whisper-x"])


def test_a_product_that_fails_is_left_out_and_the_others_go_on(monkeypatch):
    ran = []

    def play(product, *_):
        ran.append(product)
        if product is PRODUCTS["realtimestt"]:
            raise EmotrackError("does not start.")
        return a_run((3.6, "come in", ""))

    monkeypatch.setattr(run, "run", play)
    names = ["emotrack", "realtimestt", "whisperlivekit"]
    runs, failures = command._runs(names, SHARED, {}, SCRIPT, 2)
    assert [len(runs[name]) for name in names] == [2, 0, 2]
    assert failures == {"realtimestt": "does not start."}
    assert ran == [PRODUCTS[name] for name in [*names, "emotrack", "whisperlivekit"]]


@pytest.mark.parametrize("kind", ["realtimestt", "whisperlivekit"])
def test_every_version_of_a_peers_environment_is_pinned_and_none_brings_a_graphics_card(kind):
    text = (environments.PROGRAMS / f"{kind}.txt").read_text(encoding="utf-8")
    lines = [line for line in text.strip().split("\n") if not line.startswith("#")]
    assert all(line.count("==") == 1 for line in lines)
    assert not [line for line in lines if line.startswith(("nvidia", "cuda", "triton"))]
    assert "torch==2.13.0" in lines
    assert command._versions({kind: None})[kind]


def test_a_program_that_says_nothing_and_ends_is_an_error_with_its_last_lines(tmp_path):
    product = PRODUCTS["realtimestt"]
    quiet = clients.RealtimeSTTClient(
        product, SHARED, dict(os.environ), tmp_path / "log", tmp_path / "python"
    )
    (tmp_path / "python").write_text("#!/bin/sh\necho no such module >&2; exit 1\n", encoding="utf-8")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(EmotrackError, match="no such module"), quiet:
        pass


def test_texts_of_a_program_are_noted_as_they_come(tmp_path):
    """The client against a stand-in that answers every second of sound with a word."""
    fake = tmp_path / "python"
    body = "import sys, json\nprint(json.dumps({'ready': True}), flush=True)\n"
    body += "while sys.stdin.buffer.read(32000): print(json.dumps({'text': 'Come'}), flush=True)\n"
    (tmp_path / "fake.py").write_text(body, encoding="utf-8")
    fake.write_text(f"#!/bin/sh\nexec {sys.executable} {tmp_path / 'fake.py'}\n", encoding="utf-8")
    fake.chmod(0o755)
    with clients.RealtimeSTTClient(
        PRODUCTS["realtimestt"], SHARED, dict(os.environ), tmp_path / "log", fake
    ) as client:
        for _ in range(100):
            client.push_audio(bytes(640))
        assert client._process is not None
        client._process.stdin.close()
        client._process.wait(20)
        client._reader.join(20)
    assert client.heard.final[-1][1] == ("come", "come")


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="Linux tells so")
def test_a_childs_time_and_memory_count_too():
    body = "import subprocess, sys; x = bytearray(60 << 20); x[::4096] = b'x' * len(x[::4096])\n"
    body += (
        "child = 'x = bytearray(60 << 20); x[::4096] = b\"x\" * len(x[::4096]); sum(range(10**7)); input()'\n"
    )
    body += "p = subprocess.Popen([sys.executable, '-c', child], stdin=subprocess.PIPE)\n"
    body += "print('up', flush=True); input(); p.communicate(b'\\n')"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", body], **pipes)
    try:
        assert process.stdout.readline() == b"up\n"
        with PeakMemory(process.pid) as memory:
            memory._over.wait(0.0)
            before = cpu_s(process.pid)
            while cpu_s(process.pid) < before + 0.05 or resident_mb(process.pid) < 120:
                assert process.poll() is None
    finally:
        process.communicate(b"\n")
    assert cpu_s(process.pid) == 0.0


def test_figures_can_be_written_as_json(figures):
    assert json.loads(json.dumps(figures)) == figures
