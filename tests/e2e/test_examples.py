"""The examples do what they say; the page among them is in test_clients.py."""

from __future__ import annotations

import subprocess
import sys
import wave
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from realtime.config import ServeConfig
from realtime.feed.sink import FeedSink
from realtime.runs.serve import INGEST_PAGE
from realtime.runs.serve_sessions import Sessions
from tests.core.fakes import voice
from tests.e2e.test_clients import fed, looping
from tests.realtime.consent.agreeing import agreed
from tests.realtime.runs.test_serve import Networks

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def example(name, *words):
    """Start an example as its first lines say."""
    return subprocess.Popen(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *map(str, words)],
        cwd=EXAMPLES.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(EXAMPLES.parent), "PYTHONIOENCODING": "utf-8"},
    )


@pytest.fixture
def sent_wav(tmp_path):
    """A short file of sound as `send_wav` takes it."""
    path = tmp_path / "sent.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(3_200))
    return path


def output(process):
    text, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return text


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("{page}#token=wrong", "token"),
        ("{page}", "is no address of a page of the feed. Give the whole address"),
        ("{page}#code=abc", "is no address of a page of the feed."),
        ("http://[::1#token=x", "is no address of a page of the feed."),
        ("http://127.0.0.1:99999/#token=x", "is no address of a page of the feed."),
        ("pasted", "is no address of a page of the feed."),
    ],
)
@pytest.mark.parametrize("name", ["print_finals", "text_file", "send_wav"])
def test_a_wrong_token_or_a_pasted_address_is_one_clear_sentence(name, address, said, tmp_path, sent_wav):
    words = {"print_finals": [], "text_file": [tmp_path / "out.txt"], "send_wav": [sent_wav]}[name]
    with closing(FeedSink(port=0)) as feed:
        page = feed.page_url.partition("#")[0]
        process = example(name, address.format(page=page), *words)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said in errors or (name == "send_wav" and "404" in errors)  # there is no ingest path here
    assert "Traceback" not in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no WAV at all"])
def test_send_wav_says_what_is_no_wav_file(tmp_path, content):
    path = tmp_path / "speech.wav"
    path.write_bytes(content)
    process = example("send_wav", "http://127.0.0.1:9/#token=x", path)
    assert process.communicate(timeout=60)[1] == f"{path}: is no WAV file.\n"


def test_print_finals_prints_one_line_for_each_utterance(conversation):
    with closing(FeedSink(port=0)) as feed:
        for seq, event in enumerate(conversation):
            feed.write(event, seq)
        lines = output(example("print_finals", feed.page_url)).splitlines()
    assert [line.split(":")[0].split()[-1] for line in lines] == ["p1", "p2", "p1"]
    assert all("it will be cold tonight." in line for line in lines)


def test_the_text_file_holds_a_line_for_each_person_and_is_empty_at_the_end(conversation, tmp_path):
    path = tmp_path / "emotions.txt"
    with closing(FeedSink(port=0)) as feed:
        for seq, event in enumerate(conversation[:100]):
            feed.write(event, seq)
        process = example("text_file", feed.page_url, path)
        while not (path.exists() and path.read_text(encoding="utf-8").count("\n") == 2):
            assert process.poll() is None, process.communicate()
        assert sorted(line[:3] for line in path.read_text(encoding="utf-8").splitlines()) == ["p1:", "p2:"]
        assert "%" in path.read_text(encoding="utf-8")
        feed.write(conversation[-1], 100)
        output(process)
    assert path.read_text(encoding="utf-8") == ""


def test_send_wav_prints_what_its_speech_expresses(hello, tmp_path):
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.round(voice(2.5, [(0.3, 1.3)]) * 32_767).astype("<i2").tobytes())
    sessions = Sessions(ServeConfig(), Networks(), hello, agreed())
    with looping() as run, fed(run, ingest=sessions) as feed:
        sessions.feed = feed
        lines = output(example("send_wav", feed.page("ingest", INGEST_PAGE), path)).splitlines()
        run(sessions.close())
    assert len(lines) == 1


@pytest.mark.parametrize("name", ["print_finals", "text_file", "send_wav"])
def test_without_an_address_an_example_says_how_it_is_used(name):
    process = example(name)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"python examples/{name}.py" in errors
