"""Every reader on a small folder in the corpus' true format."""

import csv
import gzip

import numpy as np
import pytest
import soundfile

from core.errors import SourceError
from core.labels import EMOTIONS
from train.corpora import brighter, cremad, emodb, ferplus, goemotions, ravdess, xed
from train.corpora.base import Example, assert_disjoint, bucket, labels_of


def _labels(example):
    """Names of the labels of an example, unknown ones with a question mark."""
    known = zip(EMOTIONS, example.labels.target, example.labels.available, strict=True)
    return {name if there else name + "?" for name, value, there in known if value > 0 or not there}


def _write(path, text):
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        file.write(text)


class TestGoEmotions:
    @pytest.fixture
    def folder(self, tmp_path):
        _write(
            tmp_path / "goemotions_ekman_train.tsv.gz",
            'I love "this"\t3\te1\nWhat?!\t6,0\te2\nsame text\t5\te3\n',
        )
        _write(tmp_path / "goemotions_ekman_dev.tsv.gz", "meh\t4\te4\n")
        _write(tmp_path / "goemotions_ekman_test.tsv.gz", "same text\t5\te5\nsame text\t1\te6\n")
        return tmp_path

    def test_ekmans_joy_is_happiness_and_a_text_has_several_labels(self, folder):
        examples = {e.id: e for e in goemotions.read(folder)}
        assert _labels(examples["e1"]) == {"happiness"}
        assert _labels(examples["e2"]) == {"surprise", "anger"}
        assert examples["e1"].text == 'I love "this"'
        assert examples["e4"].split == "validation"

    def test_a_training_text_that_is_tested_is_left_out(self, folder):
        examples = goemotions.read(folder)
        assert_disjoint(examples)
        assert "e3" not in {e.id for e in examples}
        assert sum(e.split == "test" for e in examples) == 2

    def test_the_order_of_classes_can_be_given(self, folder):
        names = ["neutral", "joy", "anger", "disgust", "fear", "sadness", "surprise"]
        (folder / "goemotions_ekman_labels.txt").write_text("\n".join(names), encoding="utf-8")
        assert _labels({e.id: e for e in goemotions.read(folder)}["e4"]) == {"fear"}


class TestBrighter:
    HEAD = "id,text,anger,fear,joy,sadness,surprise\n"

    def test_disgust_and_neutral_are_unknown(self, tmp_path):
        _write(tmp_path / "brighter_eng_train.csv.gz", self.HEAD + 'a1,"Well, no.",1,0,1,0,0\n')
        (example,) = brighter.read(tmp_path)
        assert _labels(example) == {"anger", "happiness", "disgust?", "neutral?"}
        assert example.text == "Well, no."

    def test_any_other_part_is_for_testing(self, tmp_path):
        _write(tmp_path / "brighter_eng_test.csv.gz", self.HEAD + "a1,x,0,0,0,0,0\n")
        assert [e.split for e in brighter.read(tmp_path)] == ["test"]

    def test_the_training_part_is_cut_the_same_way_every_time(self, tmp_path):
        rows = "".join(f"a{i},text {i},0,1,0,0,0\n" for i in range(300))
        _write(tmp_path / "brighter_eng_train.csv.gz", self.HEAD + rows)
        splits = [e.split for e in brighter.read(tmp_path)]
        assert splits == [e.split for e in brighter.read(tmp_path)]
        assert 20 < splits.count("validation") < 80
        assert "test" not in splits


class TestXed:
    def test_plutchiks_numbers_and_the_neutral_lines(self, tmp_path):
        _write(tmp_path / "xed_en.tsv.gz", "Go away .\t1, 3\nHe will come .\t2\nOh !\t5, 7\n")
        _write(tmp_path / "xed_en_neutral.txt.gz", "9\tTwo pair.\n")
        examples = {e.text: e for e in xed.read(tmp_path)}
        assert _labels(examples["Go away ."]) == {"anger", "disgust"}
        assert _labels(examples["Oh !"]) == {"happiness", "surprise"}
        assert _labels(examples["Two pair."]) == {"neutral"}

    def test_a_line_of_mere_anticipation_says_nothing_about_neutral(self, tmp_path):
        _write(tmp_path / "xed_en.tsv.gz", "He will come .\t2, 8\n")
        assert _labels(xed.read(tmp_path)[0]) == {"neutral?"}


class TestFerPlus:
    NAMES = (
        "neutral",
        "happiness",
        "surprise",
        "sadness",
        "anger",
        "disgust",
        "fear",
        "contempt",
        "unknown",
        "NF",
    )

    def _folder(self, tmp_path, votes, usage, images=None):
        if images is None:
            images = np.random.default_rng(0).integers(0, 255, (len(votes), 48, 48)).astype(np.uint8)
        np.savez(
            tmp_path / "part.npz",
            images=images,
            votes=np.array(votes, np.uint8),
            usage=np.array(usage),
            emotions=np.array(self.NAMES),
        )
        return tmp_path

    def test_targets_are_shares_of_the_votes_for_emotions(self, tmp_path):
        votes = [[2, 6, 0, 0, 0, 0, 0, 0, 2, 0], [0, 0, 0, 0, 4, 2, 0, 4, 0, 0]]
        first, second = ferplus.read(self._folder(tmp_path, votes, ["PublicTest"] * 2))
        assert dict(zip(EMOTIONS, first.labels.target, strict=True))["happiness"] == 0.75
        assert second.labels.target.sum() == pytest.approx(0.6)  # contempt goes to no label
        assert first.image.shape == (48, 48)

    def test_a_majority_is_more_than_half_of_the_votes_that_somebody_shares(self, tmp_path):
        votes = [
            [5, 1, 1, 1, 2, 0, 0, 0, 0, 0],
            [5, 3, 2, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 8, 2, 0],
        ]
        examples = ferplus.read(self._folder(tmp_path, votes, ["PublicTest"] * 3))
        assert [e.majority for e in examples] == ["neutral", "", "contempt"]
        assert examples[0].labels.target.max() == pytest.approx(5 / 7)

    def test_what_most_took_for_no_face_or_unknown_is_left_out(self, tmp_path):
        votes = [
            [2, 0, 0, 0, 0, 0, 0, 0, 8, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 10],
            [9, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        ]
        examples = ferplus.read(self._folder(tmp_path, votes, ["Training"] * 3))
        assert [e.id for e in examples] == ["part/2"]

    def test_every_other_usage_is_for_testing_and_its_pictures_are_not_trained_on(self, tmp_path):
        images = np.random.default_rng(0).integers(0, 255, (3, 48, 48)).astype(np.uint8)
        images[1] = images[0]
        votes = [[10] + [0] * 9] * 3
        usage = ["Training", "PrivateTest", "PublicTest"]
        examples = ferplus.read(self._folder(tmp_path, votes, usage, images))
        assert [(e.id, e.split) for e in examples] == [("part/1", "test"), ("part/2", "test")]
        assert_disjoint(examples)


class TestActedSpeech:
    def _clips(self, folder, names):
        for name in names:
            soundfile.write(folder / name, np.zeros(160), 16_000)
        return folder

    def test_ravdess_calm_is_neutral_and_splits_are_by_actor(self, tmp_path):
        names = [f"03-01-{e:02}-01-01-01-{a:02}.flac" for e in range(1, 9) for a in (1, 15, 17, 24)]
        examples = ravdess.read(self._clips(tmp_path, names))
        assert_disjoint(examples)
        by_id = {e.id: e for e in examples}
        assert _labels(by_id["03-01-02-01-01-01-01"]) == {"neutral"}
        assert _labels(by_id["03-01-08-01-01-01-01"]) == {"surprise"}
        assert {e.source: e.split for e in examples} == {
            "actor 01": "train",
            "actor 15": "validation",
            "actor 17": "test",
            "actor 24": "test",
        }

    def test_ravdess_may_lie_in_folders_by_actor_as_wav(self, tmp_path):
        (tmp_path / "Actor_21").mkdir()
        self._clips(tmp_path / "Actor_21", ["03-01-05-01-01-01-21.wav"])
        assert [e.intended for e in ravdess.read(tmp_path)] == ["anger"]

    def test_emodb_has_no_boredom_and_says_nothing_about_surprise(self, tmp_path):
        names = ["03a01Fa.wav", "03a01La.wav", "12b02Tb.wav", "13a04Wc.wav", "16b10Aa.wav"]
        examples = emodb.read(self._clips(tmp_path, names))
        assert_disjoint(examples)
        assert [(e.intended, e.split) for e in examples] == [
            ("happiness", "train"),
            ("sadness", "validation"),
            ("anger", "test"),
            ("fear", "test"),
        ]
        assert _labels(examples[0]) == {"happiness", "surprise?"}

    def test_cremads_votes_become_shares_per_intended_emotion(self, tmp_path):
        columns = [f"{channel}_{letter}" for channel in ("audio", "av", "face") for letter in "ADFHNS"]
        with gzip.open(tmp_path / "votes.csv.gz", "wt", newline="") as file:
            table = csv.writer(file)
            table.writerow(["fileName", *columns])
            table.writerow(["1001_DFA_ANG_XX", 6, 0, 0, 0, 4, 0, *[1] * 12])
            table.writerow(["1002_DFA_ANG_XX", 2, 0, 0, 0, 8, 0, *[1] * 12])
        shares = cremad.vote_shares(tmp_path, "audio")
        expected = {**dict.fromkeys(EMOTIONS, 0.0), "anger": 0.4, "neutral": 0.6}
        assert dict(zip(EMOTIONS, shares["anger"].tolist(), strict=True)) == pytest.approx(expected)


@pytest.mark.parametrize("corpus", [goemotions, brighter, xed, ferplus, ravdess, emodb])
def test_an_empty_folder_is_named(corpus, tmp_path):
    with pytest.raises(SourceError, match="holds no file") as caught:
        corpus.read(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_speaker_in_two_splits_is_refused():
    labels = labels_of({"anger": 1.0})
    examples = [Example("1", "c", "anna", "train", labels), Example("2", "c", "anna", "test", labels)]
    with pytest.raises(SourceError, match="anna is in test and train"):
        assert_disjoint(examples)
    with pytest.raises(SourceError, match="1 occurs twice"):
        assert_disjoint([examples[0], examples[0]])


def test_buckets_are_spread_evenly():
    places = [bucket(f"text {i}") for i in range(2000)]
    assert np.histogram(places, bins=4, range=(0, 1))[0].min() > 420
