"""A real recording through everything: decoder, recogniser, networks, engine, files of the run folder."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from core.backends.preparation import prepare
from core.media.recording import RecordingSource
from core.schema import json_schema
from core.testing import rechunk
from realtime.config import resolve
from realtime.runs import replay

SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints" / "default"


@pytest.fixture(scope="module")
def checkpoint(weights, request):
    """The shipped checkpoint and its export; random networks where a checkout has none."""
    for name in ("silero-vad", "yunet", "minilm", "whisper-base"):
        weights(name)
    if (SHIPPED / "spec.json").is_file():
        return SHIPPED, prepare(SHIPPED, lambda _: None)
    folder = request.getfixturevalue("random_checkpoint")
    from core.spec import read_spec

    return folder, (read_spec(folder), request.getfixturevalue("exported"))


@pytest.fixture(scope="module")
def run(checkpoint, demo_recording, tmp_path_factory):
    """Replays the demo recording, cut as `source` cuts it; gives the run folder."""
    folder, prepared = checkpoint

    def run(name: str, source: type = RecordingSource) -> Path:
        out = tmp_path_factory.mktemp(name)
        options = {
            "source.pace": "max",
            "whisper.language": "en",
            "run.out": str(out),
            "checkpoint": str(folder),
            "feed.enabled": False,
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(replay, "prepare", lambda *_: prepared)
            patch.setattr(replay, "RecordingSource", source)
            assert replay.run_replay(demo_recording, resolve(None, options, []), console=False) == 0
        return out

    return run


@pytest.fixture(scope="module")
def out(run):
    return run("straight")


@pytest.fixture(scope="module")
def messages(out):
    return [json.loads(line) for line in lines_of(out)]


def lines_of(folder: Path) -> list[str]:
    return (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()


def without_start(lines: list[str]) -> list[str]:
    """The lines less the one wall-clock time there is."""
    first, count = re.subn(r'"started_at":"[^"]*"', '"started_at":""', lines[0])
    assert count == 1
    return [first, *lines[1:]]


def finals(messages, kind):
    return [m for m in messages if m["type"] == kind and m["final"]]


def test_every_message_is_as_the_schema_says_and_numbered(messages):
    validator = jsonschema.validators.validator_for(json_schema())(json_schema())
    for message in messages:
        validator.validate(message)
    assert [m["seq"] for m in messages] == list(range(len(messages)))
    assert messages[0]["type"] == "hello"
    assert messages[-1]["type"] == "end"
    assert {m["type"] for m in messages} >= {"hello", "transcript", "utterance", "estimate", "end"}


def test_the_run_ends_well_and_counts_what_it_said(messages):
    end = messages[-1]
    assert (end["reason"], end["faults"]) == ("finished", [])
    assert end["utterances"] == len(finals(messages, "utterance"))
    assert end["finals"] == len(finals(messages, "estimate"))
    assert end["estimates"] == len([m for m in messages if m["type"] == "estimate"])


def test_six_utterances_have_one_final_transcript_and_one_final_estimate_each(messages):
    names = [m["id"] for m in finals(messages, "utterance")]
    assert len(names) == 6
    assert Counter(m["utterance"] for m in finals(messages, "transcript")) == Counter(names)
    assert Counter(m["utterance"] for m in finals(messages, "estimate")) == Counter(names)


def test_at_least_four_of_the_six_say_not_to_forget_a_jacket(messages):
    texts = [re.sub(r"[^a-z ]", "", m["text"].lower()) for m in finals(messages, "transcript")]
    assert len([text for text in texts if "forget a jacket" in text]) >= 4, texts


def test_the_talking_face_is_the_person_who_speaks_and_all_three_modalities_are_used(messages):
    estimates = finals(messages, "estimate")
    assert len([m for m in estimates if m["person"].startswith("p")]) >= 4
    assert len([m for m in estimates if m["modalities"] == ["text", "audio", "visual"]]) >= 4


def test_the_clips_are_not_all_judged_alike(messages):
    found = [tuple(m["probabilities"].values()) for m in finals(messages, "estimate")]
    assert len(set(found)) == len(found)


def test_the_run_folder_holds_captions_a_picture_and_the_configuration(out):
    assert (out / "transcript.vtt").read_text(encoding="utf-8").startswith("WEBVTT")
    assert (out / "timeline.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "pace: max" in (out / "config.yaml").read_text(encoding="utf-8")


def test_a_second_run_and_one_in_random_pieces_write_the_same_bytes(run, out):
    class InPieces(RecordingSource):
        def inputs(self):
            yield from rechunk(super().inputs(), np.random.default_rng(5), max_samples=32_000)

    expected = without_start(lines_of(out))
    assert without_start(lines_of(run("again"))) == expected
    assert without_start(lines_of(run("pieces", InPieces))) == expected
