"""bench faults and av: what they conclude from what was seen and heard, and one fault for real."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.av import apart_ms, onsets
from benchmarks.camera_server import HZ
from benchmarks.faults.checks import Times, check_fault, finals_lost, sound_lost
from benchmarks.faults.load import _of_load
from benchmarks.faults.picture import missing_spans
from benchmarks.faults.registry import FAULTS
from benchmarks.faults.report import rows
from benchmarks.faults.time import _of_drift
from benchmarks.flash_clip import PERIOD_S, read_clip, write_clip
from benchmarks.live_figures import Observed
from tests.command import emotrack

ZERO_S = 1_700_000_000.0
UNPLUGGED = next(fault for fault in FAULTS if fault.name == "microphone_unplugged")
ASLEEP = next(fault for fault in FAULTS if fault.name == "program_stopped")


def status(at_s, code, value=None, stream="me", message="it is so", t_s=None):
    t_s = at_s if t_s is None else t_s
    event = {"type": "status", "t_s": t_s, "code": code, "level": "info", "message": message}
    return (ZERO_S + at_s, {**event, "stream": stream, "value": value})


def rolling(t1_s, modalities=("visual",), missing=None, late_s=0.3, person="me"):
    event = {"type": "estimate", "id": "e", "person": person, "utterance": None, "t1_s": t1_s, "final": False}
    return (ZERO_S + t1_s + late_s, {**event, "modalities": list(modalities), "missing": missing or {}})


def seen(*messages) -> Observed:
    run = Observed(ZERO_S - 1)
    hello = {"type": "hello", "started_at": "2023-11-14T22:13:20+00:00"}
    run.messages = [(ZERO_S, hello), *sorted(messages, key=lambda message: message[0])]
    return run


def times(fault_s, cure_s, end_s) -> Times:
    return Times(ZERO_S + fault_s, ZERO_S + cure_s, ZERO_S + end_s)


def unplugged(missing_s=10.4, reason="unplugged", back_s=14.0, modalities=("visual",)):
    run = seen(
        status(missing_s, "modality_missing", reason),
        status(back_s, "modality_back"),
        *(rolling(t / 4, modalities, {"audio": "it is not there"}) for t in range(36, 64)),
    )
    return check_fault(UNPLUGGED, times(10.0, 13.0, 17.0), run)


def test_a_fault_that_is_told_in_time_breaks_nothing():
    result = unplugged()
    told = result["measured"]["streams"]["me"]
    assert (told["missing_after_s"], told["reason"], told["back_after_s"]) == (0.4, "unplugged", 1.0)
    assert result["broken"] == []
    assert result["measured"]["rolling_between"] > 5
    assert result["measured"]["missing_between"] == {"audio": "it is not there"}
    assert result["messages"][0]["code"] == "modality_missing"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"missing_s": 11.2}, "me: missing after 1.2 s"),
        ({"reason": "failed"}, "me: missing because of 'failed' instead of unplugged"),
        ({"back_s": 16.5}, "me: back after 3.5 s"),
        ({"back_s": 30.0}, "me: did not come back"),
        ({"modalities": ("audio", "visual")}, "estimates rest on what is lost"),
    ],
)
def test_every_bound_that_is_broken_is_named(options, sentence):
    assert any(sentence in broken for broken in unplugged(**options)["broken"])


def test_after_a_stop_neither_a_burst_nor_estimates_of_the_sleep_are_taken_for_granted():
    states = [
        status(at_s, code, "suspended", stream)
        for at_s, code in ((20.5, "modality_missing"), (21.5, "modality_back"))
        for stream in ("me", "them")
    ]
    calm = seen(*states, *(rolling(t / 4) for t in range(84, 92)))
    assert check_fault(ASLEEP, times(10.0, 20.0, 24.0), calm)["broken"] == []
    late = [rolling(t / 10, late_s=20.1 - t / 10) for t in range(110, 190)]
    broken = check_fault(ASLEEP, times(10.0, 20.0, 24.0), seen(*states, *late))["broken"]
    assert broken == ["a burst of 80 estimates"]  # the sleep's own sound is made up for in this one
    strict = replace(ASLEEP, makes_up=False)
    broken = check_fault(strict, times(10.0, 20.0, 24.0), seen(*states, *late))["broken"]
    assert broken == ["79 estimates of the time asleep", "a burst of 80 estimates"]


def test_utterances_without_a_final_estimate_and_lost_sound_are_found():
    told = [{"type": "utterance", "id": name} for name in ("u1", "u2")]
    final = {"type": "estimate", "utterance": "u1", "final": True}
    end = {
        "type": "end",
        "faults": ["me: 0.20 s of sound were lost (late).", "camera: 3 pictures were left out."],
    }
    run = seen(*((ZERO_S + 1, event) for event in (*told, final, end)))
    assert finals_lost(run) == ["u2"]
    assert sound_lost(run) == ["me: 0.20 s of sound were lost (late)."]


def test_a_ladder_that_goes_down_and_comes_back_is_as_wanted_and_one_that_stays_is_not():
    steps = [
        status(at_s, "load_step", name) for at_s, name in ((5, "fewer_faces"), (8, "no_text"), (40, "full"))
    ]
    run = seen(*steps)
    good = _of_load(run, steps, steps[-1], ZERO_S + 20)
    assert (good["broken"], good["measured"]["full_again_after_s"]) == ([], 20.0)
    bad = _of_load(run, steps[:1], None, ZERO_S + 20)
    assert len(bad["broken"]) == 2


def test_a_drift_is_read_from_what_the_feed_says_of_the_clock():
    message = "me lies +{} ms beside stream time, in doubt by 18 ms; its clock runs {} ppm off"
    good = seen(
        status(5, "clock", "0.0", message=message.format(0, "+0")),
        status(66, "clock", "3.1", message=message.format(3, "+197")),
    )
    assert _of_drift(good, 200.0)["broken"] == []
    assert _of_drift(good, -200.0)["broken"] == ["+197 ppm was found"]
    assert _of_drift(seen(), 200.0)["broken"]


def test_the_picture_and_the_table_know_when_a_stream_was_missing():
    run = seen(status(3, "modality_missing", "frozen"), status(5, "modality_back"))
    assert missing_spans(run, "me") == [(3.0, 5.0)]
    figures = {"faults": {"microphone_unplugged": unplugged()}}
    (row,) = rows(figures)
    assert row[1:3] == ("0.40 s unplugged", "1.00 s")
    assert row[4] == "as wanted"


# --- flash and beep ----------------------------------------------------------------------------------


def test_the_clip_flashes_and_beeps_at_once(tmp_path):
    write_clip(tmp_path / "clip.mkv")
    pictures, sound = read_clip(tmp_path / "clip.mkv")
    assert len(pictures) == PERIOD_S * HZ
    white = [number / HZ for number, image in enumerate(pictures) if image.mean() > 150]
    loud = np.flatnonzero(np.abs(sound) > 3_000) / 48_000
    assert (white[0], white[-1]) == (0.0, 4 / HZ)
    assert loud[0] < 0.001
    assert loud[-1] == pytest.approx(0.2, abs=0.001)


def test_a_flash_is_paired_with_its_own_beep():
    flashes = onsets((t / 25, t % 50 in (3, 4, 5)) for t in range(200))
    assert flashes == [pytest.approx(3 / 25 + 2 * k) for k in range(4)]
    apart = apart_ms(flashes, [t - 0.04 for t in flashes][1:], 2.0)
    assert apart == [pytest.approx(40.0)] * 3


# --- for real ----------------------------------------------------------------------------------------


def test_a_microphone_is_unplugged_under_the_real_command_and_its_client_is_told(
    weights, demo_clips, tmp_path
):
    for name in ("silero-vad", "yunet", "minilm", "whisper-tiny.en"):
        weights(name)
    out, document = tmp_path / "faults.json", tmp_path / "faults.md"
    words = [
        "bench",
        "faults",
        "--only",
        "microphone_unplugged",
        "--out",
        str(out),
        "--document",
        str(document),
    ]
    done = emotrack(*words, timeout_s=240)
    assert done.returncode in (0, 1), done.stderr  # 1: a bound was broken, as on a machine that is too busy
    figures = json.loads(out.read_text(encoding="utf-8"))
    told = figures["faults"]["microphone_unplugged"]["measured"]["streams"]["me"]
    assert told["reason"] == "unplugged"
    assert told["back_after_s"] is not None
    assert figures["runs"]["http"]["finals_lost"] == []
    assert "modality_missing" in document.read_text(encoding="utf-8")
