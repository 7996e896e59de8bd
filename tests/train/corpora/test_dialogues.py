import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from core.errors import ConfigError, SourceError
from core.labels import EMOTIONS
from train.corpora import emotionlines, meld
from train.corpora.base import assert_disjoint
from train.corpora.tables import shares_of

MELD_COLUMNS = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
)


def meld_row(
    text: str, emotion: str, dialogue: int, utterance: int, episode: int, votes: str = ""
) -> list[str]:
    head = ["1", text, "Joey", emotion, "neutral", str(dialogue), str(utterance), "8", str(episode)]
    return [*head, "00:00:01,000", "00:00:02,500", votes]


def table(header: list[str], rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue()


def named(labels) -> dict[str, float]:
    return {n: round(float(v), 3) for n, v in zip(EMOTIONS, labels.target, strict=True) if v}


@pytest.fixture
def meld_folder(tmp_path: Path) -> Path:
    header = MELD_COLUMNS.split(",")
    parts = {
        "train": [meld_row("I\x92m fine, really", "joy", 0, 0, 21), meld_row("No", "anger", 0, 1, 21)],
        "dev": [meld_row("Hello", "neutral", 0, 0, 21)],
        "test": [meld_row("Oh", "surprise", 7, 3, 2)],
    }
    for part, rows in parts.items():
        (tmp_path / f"{part}_sent_emo.csv").write_text(table(header, [row[:-1] for row in rows]), "utf-8")
    return tmp_path


def test_meld_is_read_from_the_authors_tables(meld_folder: Path) -> None:
    examples = {e.id: e for e in meld.read(meld_folder)}
    assert examples["train/dia0_utt0"].text == "I’m fine, really"
    assert named(examples["train/dia0_utt0"].labels) == {"happiness": 1.0}
    assert examples["dev/dia0_utt0"].split == "validation"
    assert examples["dev/dia0_utt0"].source != examples["train/dia0_utt0"].source


def test_our_split_of_meld_keeps_episodes_together(meld_folder: Path) -> None:
    examples = meld.read(meld_folder, split="disjoint")
    assert_disjoint(examples)
    assert len({e.split for e in examples if e.source == "S8E21"}) == 1


def test_votes_make_melds_labels_soft_where_there_are_any(tmp_path: Path) -> None:
    header = [*MELD_COLUMNS.split(","), "friends_votes", "split"]
    rows = [
        [*meld_row("Yes", "sadness", 0, 0, 1, "0022001"), "train"],
        [*meld_row("No", "fear", 0, 1, 1), "train"],
    ]
    with gzip.open(tmp_path / "meld_text.csv.gz", "wt", encoding="utf-8", newline="") as file:
        file.write(table(header, rows))
    soft, hard = meld.read(tmp_path)
    assert named(soft.labels) == {"sadness": 0.4, "fear": 0.4, "disgust": 0.2}
    assert named(hard.labels) == {"fear": 1.0}


def test_melds_videos_are_found_part_by_part(meld_folder: Path) -> None:
    for place, name in {"train_splits": "dia0_utt0", "dev_splits_complete": "dia0_utt0"}.items():
        (meld_folder / place).mkdir()
        (meld_folder / place / f"{name}.mp4").touch()
    (meld_folder / "output_repeated_splits_test").mkdir()
    (meld_folder / "output_repeated_splits_test" / "._dia7_utt3.mp4").touch()
    found = {e.id: e.path for e in meld.read_recordings(meld_folder)}
    assert found == {
        "train/dia0_utt0": meld_folder / "train_splits" / "dia0_utt0.mp4",
        "dev/dia0_utt0": meld_folder / "dev_splits_complete" / "dia0_utt0.mp4",
    }


def test_meld_without_a_single_video_is_refused_as_recordings(meld_folder: Path) -> None:
    with pytest.raises(SourceError, match="none of MELD's videos"):
        meld.read_recordings(meld_folder)


def test_an_emotion_that_meld_does_not_have_is_named(tmp_path: Path) -> None:
    rows = [meld_row("Yes", "sadnes", 0, 0, 1)[:-1]]
    (tmp_path / "train_sent_emo.csv").write_text(table(MELD_COLUMNS.split(","), rows))
    with pytest.raises(ConfigError, match=r"'sadnes'.*Did you mean sadness"):
        meld.read(tmp_path)


def line(text: str, emotion: str, votes: str) -> dict[str, str]:
    return {"speaker": "Ross", "utterance": text, "emotion": emotion, "annotation": votes}


def test_emotionlines_documents_and_tables_give_the_same(tmp_path: Path) -> None:
    documents = {
        "train": [[line("Hi", "neutral", "4100000"), line("What", "non-neutral", "1010111")]],
        "dev": [[line("Bye", "joy", "0500000")]],
    }
    rows = []
    for name in ("json", "csv"):
        (tmp_path / name).mkdir()
    for part, dialogues in documents.items():
        (tmp_path / "json" / f"friends_{part}.json").write_text(json.dumps(dialogues))
        for d, dialogue in enumerate(dialogues):
            for u, said in enumerate(dialogue):
                speaker, text, emotion, votes = said.values()
                rows.append([part, str(d), str(u), speaker, text, emotion, votes])
    (tmp_path / "json" / "friends.json").write_text("[]")
    header = ["split", "dialog", "utt", "speaker", "text", "emotion", "annotation"]
    with gzip.open(tmp_path / "csv" / "emotionlines_friends_votes.csv.gz", "wt", newline="") as file:
        file.write(table(header, rows))
    for folder in ("json", "csv"):
        examples = {e.id: e for e in emotionlines.read(tmp_path / folder)}
        assert named(examples["train/0/0"].labels) == {"neutral": 0.8, "happiness": 0.2}
        assert sum(named(examples["train/0/1"].labels).values()) == pytest.approx(1.0)
        assert examples["dev/0/0"].split == "validation"
        assert examples["dev/0/0"].source != examples["train/0/0"].source


@pytest.mark.parametrize("votes", ["", "0000000", "41000", "4,1,0,0,0,0,0", "x100000", "٤100000"])
def test_what_is_not_seven_numbers_of_votes_is_refused(votes: str) -> None:
    with pytest.raises(SourceError, match="seven numbers of votes"):
        shares_of(votes, where="here")


def test_a_folder_without_dialogues_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="emotionlines"):
        emotionlines.read(tmp_path)
    with pytest.raises(SourceError, match="meld"):
        meld.read(tmp_path)
