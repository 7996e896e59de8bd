"""The verb `bench quiet`: what it counts, when it fails, and that nobody's ledger of consent is touched."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import quiet
from benchmarks.cli import app
from benchmarks.quiet_sounds import RATE_HZ, SOUNDS
from realtime.consent.ledger import ledger_path

NOTHING = {"utterances": 2, "messages_with_words": 0, "words": 0}


def transcript(text: str = "", pending: str = "", *, final: bool = True) -> dict[str, object]:
    return {"type": "transcript", "text": text, "pending": pending, "final": final}


def test_words_are_counted_whether_they_stay_or_not():
    events = [{"type": "utterance", "id": "u1"}, {"type": "utterance", "id": "u1"}]
    events += [
        transcript("", "", final=False),
        transcript("", "so", final=False),
        transcript("", "", final=True),
    ]
    assert quiet.counts_of(events) == {"utterances": 1, "messages_with_words": 1, "words": 0}
    events.append(transcript("thank you", "", final=True))
    assert quiet.counts_of(events)["words"] == 2


def test_every_message_that_showed_a_word_counts_and_every_word_of_a_final_one():
    utterances = [{"type": "utterance", "id": name} for name in ("u1", "u1", "u2")]
    words = [
        transcript(pending="thank", final=False),
        transcript("thank you", final=False),
        transcript("thank you all"),
        transcript(),
        transcript(" "),
    ]
    assert quiet.counts_of([*utterances, *words, {"type": "end"}]) == {
        "utterances": 2,
        "messages_with_words": 3,
        "words": 3,
    }


@pytest.mark.parametrize("said", [{}, {"words": 1}, {"messages_with_words": 1}])
def test_one_word_where_nobody_speaks_is_a_failure_and_the_ledger_stays_as_it_is(said, monkeypatch, tmp_path):
    ledgers = []

    def counted(name, seconds, seed, options):
        ledgers.append(ledger_path())
        return NOTHING | said

    monkeypatch.setattr(quiet, "_counted", counted)
    own = ledger_path()
    out = tmp_path / "figures.json"
    done = CliRunner().invoke(app, ["quiet", "--only", "fan", "--json", "--out", str(out)])
    assert done.exit_code == bool(said), done.output
    assert json.loads(done.stdout) == json.loads(out.read_text("utf-8"))
    assert json.loads(done.stdout)["sounds"] == {"fan": NOTHING | said}
    assert ledger_path() == own
    assert own not in ledgers


@pytest.mark.parametrize("name", SOUNDS)
def test_sounds_without_words_are_as_long_as_asked_the_same_again_and_within_range(name):
    sound = SOUNDS[name](4.0, 3)
    assert (sound.dtype, len(sound)) == (np.float32, 4 * RATE_HZ)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= 1
    np.testing.assert_array_equal(sound, SOUNDS[name](4.0, 3))
    assert not np.array_equal(sound, SOUNDS[name](4.0, 4))
    assert (np.abs(sound).max() > 0.05) == (name != "silence")
