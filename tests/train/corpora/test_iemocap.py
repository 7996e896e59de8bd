from pathlib import Path

import pytest

from core.errors import ConfigError, SourceError
from train.corpora import iemocap
from train.corpora.base import assert_disjoint
from train.corpora.label_space import SHARED

EVALUATION = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes0{n}F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral state;\t()
C-E3:\tAnger; Frustration;\t()
C-E4:\tExcited; Happiness;\t()
C-F1:\tSadness;\t()
A-E3:\tval 1; act 5; dom  2;\t()
A-E4:\tval 2; act 4; dom  2;\t(mumbling)
A-F1:\tval 5; act 1; dom  1;\t()

[10.0100 - 11.3925]\tSes0{n}F_impro01_M001\txxx\t[2.5000, 2.5000, 2.5000]
C-E2:\tOther;\t(confused)
C-E3:\tSurprise;\t()
"""
SPOKEN = "Ses0{n}F_impro01_F000 [006.2901-008.2357]: Excuse me.\nM: [BREATHING]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for n in range(1, 6):
        session = tmp_path / "IEMOCAP_full_release" / f"Session{n}"
        for place, text in {"EmoEvaluation": EVALUATION, "transcriptions": SPOKEN}.items():
            (session / "dialog" / place).mkdir(parents=True)
            (session / "dialog" / place / f"Ses0{n}F_impro01.txt").write_text(text.format(n=n))
        wav = session / "sentences" / "wav" / f"Ses0{n}F_impro01"
        wav.mkdir(parents=True)
        for turn in ("F000", "M001"):
            (wav / f"Ses0{n}F_impro01_{turn}.wav").touch()
    return tmp_path


def test_each_evaluators_choices_make_soft_multiple_labels(folder: Path) -> None:
    first, second = iemocap.read(folder, space=SHARED)[:2]
    found = {n: round(float(v), 3) for n, v in zip(SHARED.names, first.labels.target, strict=True) if v}
    third = 0.333
    assert found == {
        "neutral": third,
        "anger": third,
        "frustration": third,
        "happiness": third,
        "excitement": third,
    }
    assert first.text == "Excuse me."
    assert first.scales == {"valence": -0.75, "arousal": 0.75}
    assert first.speaker == "Ses01F"
    assert second.speaker == "Ses01M"
    assert second.text is None
    assert second.labels.target.sum() == 0.5
    assert second.path.name == "Ses01F_impro01_M001.wav"


@pytest.mark.parametrize(("test", "validation"), [(5, 4), (1, 5), (2, 1)])
def test_one_session_is_left_out_and_another_chooses(folder: Path, test: int, validation: int) -> None:
    examples = iemocap.read(folder, test_session=test)
    assert_disjoint(examples)
    parts = {e.source: e.split for e in examples}
    assert parts.pop(f"Session{test}") == "test"
    assert parts.pop(f"Session{validation}") == "validation"
    assert set(parts.values()) == {"train"}
    assert len({(e.speaker, e.split) for e in examples}) == 10


def test_a_session_that_does_not_exist_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="sessions 1 to 5"):
        iemocap.read(folder, test_session=6)


def test_a_missing_recording_is_named(folder: Path) -> None:
    next(folder.rglob("Ses03F_impro01_M001.wav")).unlink()
    with pytest.raises(SourceError, match=r"Ses03F_impro01_M001\.wav: is missing"):
        iemocap.read(folder)
