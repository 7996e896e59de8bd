"""A live run of the real command: a recording in place of devices, recorded, and had again."""

from __future__ import annotations

import json
import subprocess

import jsonschema

from core.schema import json_schema
from tests import command


def emotrack(*words: str) -> subprocess.CompletedProcess[str]:
    return command.emotrack(*words, "--no-feed", "--no-console", timeout_s=240)


def test_a_live_run_of_the_real_networks_is_had_again_from_its_recording(weights, demo_clips, tmp_path):
    for name in ("silero-vad", "yunet", "minilm", "whisper-tiny.en"):
        weights(name)
    clip = demo_clips / "1001_DFA_HAP_XX.flv"
    words = ["--play", str(clip), "--whisper", "tiny.en", "--out", str(tmp_path / "live")]
    done = emotrack("live", *words, "--record", str(tmp_path / "recorded"))
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "live" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    messages = [json.loads(line) for line in said]
    for message in messages:
        jsonschema.validate(message, json_schema())
    end = messages[-1]
    assert (end["type"], end["reason"]) == ("end", "finished")
    assert end["finals"] == end["utterances"] == 1
    done = emotrack("replay", str(tmp_path / "recorded"), "--pace", "max", "--out", str(tmp_path / "again"))
    assert done.returncode == 0, done.stderr
    again = (tmp_path / "again" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert again[1:] == said[1:]
