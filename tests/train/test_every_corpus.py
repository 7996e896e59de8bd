"""Every corpus can be judged by its name, on any folder of its format, also one with other people only."""

from __future__ import annotations

import csv
import json
import pickle
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import train.encoding.corpus
from core.errors import ConfigError, SourceError, SpecMismatch
from core.labels import EMOTIONS, Modality
from core.media.recording import RecordingSource
from core.models.fusion import EmotionNet
from core.models.storage import save_network
from core.spec import EncoderSpec, ModelSpec, write_spec
from core.window import Tokens
from tests.core.media.files import make
from tests.train.small_checkpoint import write_checkpoint
from train.corpora.registry import CORPORA, ReadOptions, read_corpus, split_note, split_rule_of
from train.encoding.corpus import FEATURES, NO_ENCODER, RecordingWork
from train.evaluation.evaluate import evaluate_corpus
from train.recordings.testing import MadeUpLoader

LIVE = MadeUpLoader(RecordingSource)


def films(folder: Path, *names: str) -> None:
    """Real recordings: one second of loud sound, and pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / names[0]
    make(made, seconds=1.2)
    for name in names[1:]:
        (folder / name).write_bytes(made.read_bytes())


def sounds(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        make(folder / name, seconds=1.2, video=None)


def table(path: Path, *rows: list[object]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


# --- a small folder of each format, with a test part only where the corpus has parts ------------------


def elderreact(folder: Path) -> None:
    lines = ["50_50_17.mp4 0 0 0 1 0 0 f 5.67", "bean_9.mp4 1 0 0 0 0 1 m 2", "bean_10.mp4 0 0 0 0 0 0 m 4"]
    (folder / "test_labels.txt").write_text("\n".join(lines))
    films(folder / "ElderReact_test", *(line.split()[0] for line in lines))


def emoreact(folder: Path) -> None:
    (folder / "Labels").mkdir()
    (folder / "Labels" / "test_labels.text").write_text("0,1,0,0,1,0,0,1,2.33\n1,0,0,1,0,0,0,0,7\n")
    (folder / "Labels" / "Test_names.txt").write_text("'KIMCHI65_2.mp4'\n'GAMEBOY19_2.mp4'\n")
    films(folder / "Data" / "Test", "KIMCHI65_2.mp4", "GAMEBOY19_2.mp4")


def meld_video(folder: Path) -> None:
    columns = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode"
    rows = [[1, "Oh", "Joey", "joy", "x", 0, 0, 8, 21], [2, "No", "Ross", "anger", "x", 0, 1, 8, 21]]
    table(folder / "test_sent_emo.csv", columns.split(","), *rows)
    films(folder / "output_repeated_splits_test", "dia0_utt0.mp4", "dia0_utt1.mp4")


def iemocap(folder: Path) -> None:
    session = folder / "Session3"
    lines = []
    for n, choice in enumerate(("Neutral", "Anger; Frustration")):
        lines += [f"[0.00 - 1.20]\tSes03F_impro01_F00{n}\tneu\t[2.5, 2.5, 2.5]", f"C-E2:\t{choice};\t()"]
    (session / "dialog" / "EmoEvaluation").mkdir(parents=True)
    (session / "dialog" / "EmoEvaluation" / "Ses03F_impro01.txt").write_text("\n".join(lines) + "\n")
    wav = session / "sentences" / "wav" / "Ses03F_impro01"
    sounds(wav, "Ses03F_impro01_F000.wav", "Ses03F_impro01_F001.wav")


def cremad(folder: Path) -> None:
    columns = [f"{channel}_{letter}" for channel in ("audio", "av", "face") for letter in "ADFHNS"]
    rows = [["1091_DFA_ANG_XX", 6, 2, 0, 0, 1, 0, 8, 1, *[0] * 4, 5, *[0] * 5]]
    rows += [["1091_DFA_HAP_XX", 0, 0, 0, 6, 4, 0, 0, 0, 0, 9, 1, 0, 5, *[0] * 5]]
    table(folder / "votes.csv", ["fileName", *columns], *rows)
    films(folder / "VideoFlash", "1091_DFA_ANG_XX.flv")
    sounds(folder / "AudioWAV", "1091_DFA_HAP_XX.wav")


def directory(folder: Path) -> None:
    table(folder / "labels.csv", ["path", "speaker", "anger"], ["a.mp4", "zoe", 1], ["b.wav", "zoe", 0])
    films(folder, "a.mp4")
    sounds(folder, "b.wav")


def mosei(folder: Path) -> None:
    """Of other videos than those of the official folds, and without a list of folds."""
    intervals = np.array([[0.0, 1.0], [1.0, 2.0]])
    labels = np.array([[1.5, 2.0, 0, 0, 0.3, 0, 0], [-3, 0, 1, 0, 0, 0, 0]])
    for name, features in {"All Labels": labels, "COVAREP": np.ones((2, 4)) * [[1.0], [70_000.0]]}.items():
        with h5py.File(folder / f"{name}.csd", "w") as file:
            group = file.create_group(f"{name}/data/unheard")
            group["features"], group["intervals"] = features, intervals


def mosei_pickle(folder: Path) -> None:
    rng = np.random.default_rng(0)
    part = {"audio": rng.normal(size=(2, 5, 4)) * 1e5, "id": np.array(["v[0]", "v[1]"])}
    part["labels"] = np.array([[1.5, 2.0, 0, 0, 0.3, 0, 0], [-3, 0, 1, 0, 0, 0, 0]])
    (folder / "aligned.pkl").write_bytes(pickle.dumps({"test": part}))


def elderreact_covarep(folder: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(
        folder / "test.npz",
        emotions=np.array(["anger", "disgust", "fear", "happiness", "sadness", "surprise"]),
        test_id=np.array(["bean_1", "bean_2"]),
        test_audio=rng.normal(size=(2, 148)) * 1e5,
        test_y=np.array([[1, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0]]),
        test_valence=np.array([2.0, 5.0]),
    )


def emotionlines(folder: Path) -> None:
    lines = [{"utterance": "Oh", "annotation": "0500000"}, {"utterance": "No", "annotation": "1002200"}]
    (folder / "friends_test.json").write_text(json.dumps([lines]))


def meld(folder: Path) -> None:
    meld_video(folder)


RECORDINGS = (elderreact, emoreact, meld_video, iemocap, cremad, directory)
NUMBERS = (mosei, mosei_pickle, elderreact_covarep)
TEXTS = (emotionlines, meld)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    write_checkpoint(folder)
    return folder


def judge(checkpoint: Path, name: str, data: Path, **options):
    reading = options.pop("reading", ReadOptions())
    work = RecordingWork(options.pop("live", LIVE), workers=1)
    return evaluate_corpus(
        checkpoint,
        name,
        data,
        options.pop("split", "all"),
        cache=data / "cache",
        locate=lambda name: data,
        resamples=0,
        reading=reading,
        recordings=work,
        **options,
    )


# --- recordings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", RECORDINGS, ids=lambda write: write.__name__)
def test_a_corpus_of_recordings_is_judged_on_other_people(write, checkpoint, tmp_path):
    write(tmp_path)
    report = judge(checkpoint, write.__name__, tmp_path)
    assert report.corpus == write.__name__
    assert report.n >= 2
    assert set(report.branches) >= {"fusion", "audio", "text"}
    assert ("visual" in report.branches) == (write is not iemocap)
    assert all(np.isfinite(list(figures.values())).all() for figures in report.branches.values())


def test_modalities_that_only_some_examples_have_are_judged_on_these(checkpoint, tmp_path):
    directory(tmp_path)
    report = judge(checkpoint, "directory", tmp_path)
    assert report.branches["visual"]["n"] == 1
    assert report.branches["fusion"]["n"] == report.branches["audio"]["n"] == 2
    assert report.patterns["text+audio+visual"]["n"] == 1


def test_clips_are_labelled_by_what_people_chose_who_had_as_much_to_go_by(tmp_path):
    cremad(tmp_path)
    film, sound = read_corpus("cremad", tmp_path)
    assert film.labels.target[EMOTIONS.index("anger")] == pytest.approx(8 / 9)
    assert sound.labels.target[EMOTIONS.index("happiness")] == pytest.approx(0.6)
    assert (film.source, film.split) == (sound.source, sound.split)
    for path in tmp_path.rglob("1091*"):
        path.unlink()
    with pytest.raises(SourceError, match="holds votes, but no clip"):
        read_corpus("cremad", tmp_path)


def test_a_clip_that_is_missing_is_an_error_or_a_line_in_the_report(checkpoint, tmp_path):
    elderreact(tmp_path)
    (tmp_path / "ElderReact_test" / "bean_9.mp4").unlink()
    with pytest.raises(SourceError, match="lacks 1 of 3 recordings, bean_9"):
        judge(checkpoint, "elderreact", tmp_path)
    work = RecordingWork(LIVE, workers=1, skip_unreadable=True)
    report = evaluate_corpus(
        checkpoint,
        "elderreact",
        tmp_path,
        "all",
        cache=tmp_path / "cache",
        locate=lambda name: tmp_path,
        resamples=0,
        reading=ReadOptions(lenient=True),
        recordings=work,
    )
    assert report.n == 2
    assert "bean_9: bean_9.mp4: cannot be read (No such file or directory)" in " ".join(report.notes)


# --- features and texts ------------------------------------------------------------------------------


def features_checkpoint(folder: Path, name: str, width: int) -> Path:
    """A checkpoint that takes a corpus' audio features and nothing else."""
    spec = write_checkpoint(folder)
    nothing = EncoderSpec(kind=NO_ENCODER, weight=None, weight_sha256=None, width=1, max_tokens=1)
    encoders: dict[Modality, EncoderSpec] = {"text": nothing, "visual": nothing}
    encoders["audio"] = EncoderSpec(
        kind=FEATURES + name, weight=None, weight_sha256=None, width=width, max_tokens=60
    )
    spec = ModelSpec(**{**dict(spec), "encoders": encoders})
    digest = save_network(EmotionNet.from_spec(spec), folder / spec.fusion.file)
    fusion = spec.fusion.model_copy(update={"file_sha256": digest})
    write_spec(spec.model_copy(update={"fusion": fusion}), folder)
    return folder


@pytest.mark.parametrize("write", NUMBERS, ids=lambda write: write.__name__)
def test_a_corpus_of_features_is_judged_by_a_checkpoint_for_them(write, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    write(data)
    width = 148 if write is elderreact_covarep else 4
    folder = features_checkpoint(tmp_path / "checkpoint", write.__name__, width)
    reading = ReadOptions("disjoint") if write is mosei else ReadOptions()
    report = judge(folder, write.__name__, data, reading=reading)
    assert (report.n, set(report.branches)) == (2, {"fusion", "audio"})
    assert all(np.isfinite(list(figures.values())).all() for figures in report.branches.values())


@pytest.mark.parametrize("write", NUMBERS, ids=lambda write: write.__name__)
def test_a_checkpoint_with_encoders_refuses_features_and_the_other_way_round(write, checkpoint, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    write(data)
    reading = ReadOptions("disjoint") if write is mosei else ReadOptions()
    with pytest.raises(SpecMismatch, match=f"takes no audio tokens as {write.__name__} has them"):
        judge(checkpoint, write.__name__, data, reading=reading)
    folder = features_checkpoint(tmp_path / "checkpoint", write.__name__, 4)
    with pytest.raises(SpecMismatch, match="has no encoder for text"):
        judge(folder, "meld", data)


class FirstLetters:
    """A text encoder that hardly reads."""

    timing = "ordered"

    def __call__(self, examples):
        return [Tokens(np.full((1, 384), ord(e.text[0]) / 100, np.float32), np.zeros(1)) for e in examples]

    def content(self, example) -> bytes:
        return example.text.encode()


@pytest.mark.parametrize("write", TEXTS, ids=lambda write: write.__name__)
def test_a_corpus_of_texts_is_judged(write, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(train.encoding.corpus, "encoder_for", lambda *given, **options: FirstLetters())
    write(tmp_path)
    report = judge(checkpoint, write.__name__, tmp_path)
    assert (report.n, set(report.branches)) == (2, {"fusion", "text"})


# --- splits ------------------------------------------------------------------------------------------


def shared(folder: Path) -> None:
    """A video in two parts of the authors' split, as in ElderReact itself."""
    for part, clip in {"train": "bean_1", "dev": "pear_1", "test": "bean_2"}.items():
        (folder / f"{part}_labels.txt").write_text(f"{clip}.mp4 0 0 0 1 0 0 f 5\n")
    films(folder, "bean_1.mp4", "bean_2.mp4", "pear_1.mp4")


def test_an_authors_split_that_shares_sources_is_told_in_the_report(checkpoint, tmp_path):
    shared(tmp_path)
    report = judge(checkpoint, "elderreact", tmp_path, split="test")
    assert "1 of 1 of test" in report.notes[0]
    assert "`disjoint`" in report.notes[0]


def test_our_split_shares_none_and_there_is_nothing_to_tell(tmp_path):
    shared(tmp_path)
    reading = ReadOptions("disjoint")
    examples = read_corpus("elderreact", tmp_path, reading)
    splits = {e.id: e.split for e in examples}
    assert splits["bean_1"] == splits["bean_2"]
    assert split_note("elderreact", examples, reading) == ""


def test_a_split_rule_is_asked_for_by_name_of_corpora_that_have_one(tmp_path):
    assert split_rule_of("disjoint") == "disjoint"
    assert split_rule_of(None) is None
    with pytest.raises(ConfigError, match="Known: official, disjoint"):
        split_rule_of("fair")
    with pytest.raises(ConfigError, match="iemocap has one split only"):
        read_corpus("iemocap", tmp_path, ReadOptions("disjoint"))


def test_a_corpus_in_its_usual_folder_is_found_from_above(tmp_path):
    (tmp_path / "elderreact").mkdir()
    shared(tmp_path / "elderreact")
    assert len(read_corpus("elderreact", tmp_path)) == 3


def test_labels_come_in_the_space_that_is_asked_for(tmp_path):
    from train.corpora.label_space import LabelSpace

    (tmp_path / "03-01-05-01-01-01-24.wav").touch()
    space = LabelSpace(("curiosity", "anger"))
    [example] = read_corpus("ravdess", tmp_path, replace(ReadOptions(), space=space))
    assert example.labels.target.tolist() == [0, 1]
    assert example.labels.available.tolist() == [False, True]


def test_every_reader_is_there():
    for known in CORPORA.values():
        assert callable(known.read())
