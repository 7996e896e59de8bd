"""Raw input: pictures keep their look, sound its amplitude, and any length will do."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.encoders.text_tokens import PieceTokenizer
from core.errors import SourceError
from core.inputs import SAMPLE_RATE
from core.media.recording import RecordingSource
from core.models.embeddings import RAW_WIDTHS, embedding
from core.models.raw import audio_patches, tubelets
from core.spec import EncoderSpec
from tests.train.raw.recordings import COLOURS, WORDS, write_corpus
from train.corpora.base import FaceExample, TextExample, labels_of
from train.corpora.registry import read_corpus
from train.raw.corpus import raw_set
from train.raw.reading import read_stretches
from train.raw.rows import RawRows, StoredFrames
from train.raw.vocabulary import raw_specs, vocabulary_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"), count=9)


def test_tubelets_are_blocks_of_four_frames_by_sixteen_pixels():
    frames = np.random.default_rng(0).integers(0, 256, (16, 112, 112, 3)).astype(np.uint8)
    made = tubelets.tubelets(frames)
    assert made.shape == (196, 3072)
    block = frames[4:8, 32:48, 16:32].astype(np.float32) / 127.5 - 1  # second time, third row, second column
    np.testing.assert_allclose(made[49 + 2 * 7 + 1], block.reshape(-1), rtol=1e-6)


def test_a_linear_map_of_tubelets_is_the_3d_convolution_of_their_size_and_stride():
    torch.manual_seed(0)
    layer = tubelets.TubeletEmbedding(8)
    frames = np.random.default_rng(0).integers(0, 256, (16, 112, 112, 3)).astype(np.uint8)
    ours = layer.project(torch.from_numpy(tubelets.tubelets(frames)))
    kernel = layer.project.weight.view(8, 4, 16, 16, 3).permute(0, 4, 1, 2, 3)
    video = torch.from_numpy(frames.astype(np.float32) / 127.5 - 1).permute(3, 0, 1, 2)[None]
    theirs = torch.nn.functional.conv3d(video, kernel, layer.project.bias, stride=(4, 16, 16))
    torch.testing.assert_close(ours, theirs[0].flatten(1).T, atol=1e-4, rtol=1e-4)


def test_the_place_of_a_tubelet_is_told_apart_but_a_place_is_the_same_at_every_time():
    layer = tubelets.TubeletEmbedding(8)
    same = layer(torch.zeros(1, 98, tubelets.WIDTH))[0]
    assert not torch.equal(same[0], same[1])
    torch.testing.assert_close(same[:49], same[49:])


@settings(max_examples=30, deadline=None)
@given(samples=st.integers(1, 5 * SAMPLE_RATE))
def test_any_length_of_sound_becomes_patches_that_hold_every_sample(samples):
    wave = np.random.default_rng(samples).uniform(-1, 1, samples).astype(np.float32)
    patches = audio_patches.audio_patches(wave)
    assert len(patches) == -(-samples // 640) == len(audio_patches.patch_times(len(patches)))
    np.testing.assert_array_equal(patches.reshape(-1)[:samples], wave)
    assert not patches.reshape(-1)[samples:].any()


def test_stretches_of_a_recording_are_read_in_one_pass(folder):
    with RecordingSource(folder / "0.mkv") as recording:
        whole, second = read_stretches(recording, [(0.0, 0.6), (0.3, 0.55)])
    assert len(whole.samples) == pytest.approx(0.6 * SAMPLE_RATE, abs=400)
    assert 4 <= len(whole.frames) <= 5
    assert whole.frames.shape[1:] == (112, 112, 3)
    np.testing.assert_allclose(whole.frames.mean(axis=(0, 1, 2)), COLOURS["anger"], atol=12)
    start = round(0.3 * SAMPLE_RATE)
    np.testing.assert_array_equal(second.samples, whole.samples[start : start + len(second.samples)])
    assert (second.frame_times_s < 0.25).all()


def test_a_corpus_of_recordings_is_raw_input_that_stays_on_disk(folder, tmp_path):
    examples = read_corpus("directory", folder)
    vocabulary = vocabulary_of(examples, 200, tmp_path)
    tokens = raw_set("directory", examples, vocabulary, tmp_path, RecordingSource)
    assert set(tokens.tokens) == {"text", "audio", "visual"}
    assert tokens.present.all()
    assert isinstance(tokens.tokens["visual"], RawRows)
    np.testing.assert_allclose(tokens.affect[0], [-0.5, np.nan])
    heard = tokens.tokens["audio"][0].values.reshape(-1)
    assert np.abs(heard).max() == pytest.approx(0.3, abs=0.02)

    def closed(path):
        raise AssertionError("decoded again")

    again = raw_set("directory", examples, vocabulary, tmp_path, closed).take([3, 1])
    for modality, rows in again.tokens.items():
        np.testing.assert_array_equal(rows[1].values, tokens.tokens[modality][1].values)
        assert rows.width == RAW_WIDTHS[modality]
    assert sys.getsizeof(StoredFrames(tmp_path, "0.0")) < 200  # a row is a name, not its pictures


def test_a_missing_recording_is_named(folder, tmp_path):
    examples = [e for e in read_corpus("directory", folder) if e.id]
    gone = [
        type(e)(**{n: getattr(e, n) for n in e.__dataclass_fields__} | {"path": folder / "x.mkv"})
        for e in examples
    ]
    with pytest.raises(SourceError, match=r"x\.mkv"):
        raw_set("directory", gone, vocabulary_of(examples, 100, tmp_path), tmp_path, RecordingSource)


def test_texts_and_still_faces_are_raw_input_too(tmp_path):
    labels = labels_of({"anger": 1.0})
    face = FaceExample("f", "ferplus", "f", "train", labels, np.full((48, 48), 200, np.uint8))
    text = TextExample("t", "xed", "t", "train", labels, "Go away, now!")
    vocabulary = vocabulary_of([text], 100, tmp_path)
    tokens = raw_set("mixed", [face, text], vocabulary, tmp_path, None)
    assert tokens.present.tolist() == [[False, False, True], [True, False, False]]
    assert len(np.unique(tokens.tokens["visual"][0].values)) == 1
    assert tokens.tokens["visual"][0].values[0, 0] == pytest.approx(200 / 127.5 - 1)
    assert len(tokens.tokens["text"][1]) >= 5 + 2


def test_the_vocabulary_is_learned_from_training_texts_alone(tmp_path):
    def example(split: str, text: str) -> TextExample:
        return TextExample(text, "xed", text, split, labels_of({}), text)

    train = [example("train", text) for text in [*WORDS.values()] * 3]
    folder = vocabulary_of([*train, example("test", "zebra zebra zebra quilt")], 300, tmp_path)
    assert folder == vocabulary_of(train, 300, tmp_path)
    pieces = PieceTokenizer(folder).pieces(["lovely", "zebra"], [0.0, 1.0])
    assert 1 in pieces.ids, "a word of the test part is unknown"
    known = PieceTokenizer(folder).pieces(["how", "lovely"], [0.0, 1.0])
    assert len(known.ids) == 4
    assert 1 not in known.ids


def test_ids_of_word_pieces_pass_through_the_batch_unharmed(tmp_path):
    text = TextExample("t", "xed", "t", "train", labels_of({}), "how lovely")
    specs = raw_specs({"text": 8, "audio": 8, "visual": 196}, vocabulary_of([text], 100, tmp_path))
    layer = embedding(specs["text"], 6)
    ids = torch.tensor([[[2.0], [7.0], [3.0]]])
    torch.testing.assert_close(layer(ids)[0], layer.pieces.weight[[2, 7, 3]])
    linear = EncoderSpec(kind="minilm", weight=None, weight_sha256=None, width=384, max_tokens=8)
    assert isinstance(embedding(linear, 6), torch.nn.Linear)
