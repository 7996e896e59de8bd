"""What the encoders' trainings are fed: blocks of speech, augmented voices and faces, spoken texts."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.encoders.log_mel import BLOCK_SAMPLES, INPUT_SAMPLES
from core.inputs import SAMPLE_RATE
from train.encoders import face_augmentation, voice_augmentation
from train.encoders.audio_data import cut
from train.encoders.text_data import spoken, word_times


class TestBlocks:
    def test_a_block_holds_its_context_and_its_new_samples(self):
        samples = np.arange(5 * SAMPLE_RATE, dtype=np.float32)
        blocks = cut(samples, (3 * SAMPLE_RATE, 4 * SAMPLE_RATE), 0)
        assert blocks.samples.shape == (2, INPUT_SAMPLES)
        np.testing.assert_array_equal(
            blocks.samples[0], samples[3 * SAMPLE_RATE + BLOCK_SAMPLES - INPUT_SAMPLES :][:INPUT_SAMPLES]
        )
        np.testing.assert_allclose(blocks.times_s, np.arange(10) * 0.1 + 0.05, atol=1e-5)

    def test_before_the_recording_there_is_silence(self):
        blocks = cut(np.ones(SAMPLE_RATE, np.float32), (0, SAMPLE_RATE), 0)
        assert blocks.samples[0, :-BLOCK_SAMPLES].sum() == 0
        assert blocks.samples[0, -BLOCK_SAMPLES:].all()

    @settings(deadline=None)
    @given(st.integers(0, 40_000), st.integers(1600, 40_000), st.integers(0, 7_999))
    def test_tokens_cover_the_utterance_once(self, start, length, offset):
        samples = np.zeros(start + length, np.float32)
        blocks = cut(samples, (start, start + length), offset)
        times = blocks.times_s[blocks.spoken]
        assert abs(len(times) - length / 1600) <= 1
        assert (np.diff(blocks.times_s) > 0.099).all()
        assert (times >= 0).all()
        assert (times <= length / SAMPLE_RATE).all()


class TestVoices:
    def test_the_same_chance_gives_the_same_voice(self):
        samples = np.random.default_rng(0).normal(0, 0.1, 20_000).astype(np.float32)
        rng = np.random.default_rng
        first, second = (voice_augmentation.augment(samples, rng(3), rng(4)) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_two_clips_of_one_place_have_the_same_noise_whatever_else_differs(self):
        place = next(
            s
            for s in range(999)
            if (np.random.default_rng(s).random(3) < (0.25, 0.3, 0.5)).tolist() == [0, 0, 1]
        )
        silent_power = []
        for seed, length in ((1, 20_000), (2, 30_000)):
            samples = np.random.default_rng(seed).normal(0, 0.1, length).astype(np.float32)
            samples[5_000:] = 0
            found = voice_augmentation.augment(
                samples, np.random.default_rng(0), np.random.default_rng(place)
            )
            loudness = np.sqrt(np.mean(found**2))
            silent_power.append(20 * np.log10(np.sqrt(np.mean(found[8_000:] ** 2)) / loudness))
        assert silent_power[0] == pytest.approx(silent_power[1], abs=1.0)

    @settings(deadline=None)
    @given(st.integers(0, 200), st.sampled_from([0.0, 1e-4, 0.05, 1.0]))
    def test_a_voice_stays_in_range_and_about_as_long(self, seed, peak):
        t = np.arange(16_000) / SAMPLE_RATE
        samples = (peak * np.sin(2 * np.pi * 200 * t)).astype(np.float32)
        rng = np.random.default_rng
        found = voice_augmentation.augment(samples, rng(seed), rng(seed + 1))
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert np.abs(found).max() <= 1
        assert 14_000 < len(found) < 18_000


class TestFaces:
    def test_augmented_faces_keep_shape_and_stay_finite(self):
        generator = torch.Generator().manual_seed(0)
        faces = torch.rand(16, 1, 48, 48, generator=generator)
        found = face_augmentation.augment(faces, generator)
        assert found.shape == faces.shape
        assert found.isfinite().all()
        assert not torch.equal(found, faces)

    def test_without_strength_only_the_mirror_is_left(self):
        generator = torch.Generator().manual_seed(0)
        faces = torch.rand(16, 1, 48, 48, generator=generator).clamp(min=0.01)
        found = face_augmentation.augment(faces, generator, strength=0.0)
        same = (found - faces).abs().flatten(1).amax(1) < 1e-3
        mirrored = (found - faces.flip(-1)).abs().flatten(1).amax(1) < 1e-3
        assert (same ^ mirrored).all()
        assert same.any()
        assert mirrored.any()

    def test_mixed_targets_keep_their_sum(self):
        generator = torch.Generator().manual_seed(0)
        target = torch.eye(7)
        faces, mixed = face_augmentation.mix_up(torch.rand(7, 1, 48, 48), target, generator, 0.4)
        torch.testing.assert_close(mixed.sum(dim=1), torch.ones(7))
        assert face_augmentation.mix_up(faces, target, generator, 0.0)[1] is target


class TestSpokenTexts:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Don't forget, [NAME]!! :)", "Don't forget name"),
            ("well-known… 😂 fact", "well-known fact"),
            ("?!", "?!"),
        ],
    )
    def test_punctuation_and_pictures_are_not_spoken(self, text, expected):
        assert spoken(text) == expected

    def test_words_come_at_a_humans_pace(self):
        times = word_times(10, random.Random(0))
        gaps = np.diff(times)
        assert (gaps > 0.25).all()
        assert (gaps < 0.6).all()
