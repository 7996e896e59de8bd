"""The fine-tuning of the audio encoder, killed: true architecture, random weights, made-up voices."""

from __future__ import annotations

import copy
import json
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from core.encoders.audio import AudioEncoder
from tests.train.killing import kill_and_resume
from tests.train.tiny_corpora import write_corpora
from train.encoders.audio_data import Clip, cut, log_mel, view_of
from train.encoders.audio_recipe import AudioModel, AudioTraining
from train.encoders.peer_training import PeerSizes

SCRIPT = """
    import sys
    from pathlib import Path

    from core.encoders.audio import AudioEncoder
    from train.encoders import audio
    from train.encoders.peer_training import PeerSizes


    class Hears:
        def initial_state(self):
            return None

        def probability(self, frame, state):
            return 1.0, None


    audio.SileroVoice = lambda path: Hears()
    # what Whisper's published weights are in a true run: frozen, the same for every start with one seed
    AudioEncoder.published = classmethod(lambda cls, weights, both: cls(both).requires_grad_(False).eval())
    small = PeerSizes(width=16, heads=2, layers=1, feedforward=16, statistics=True)
    recipe = audio.AudioTraining(epochs=3, batch=4, views=2, every=2, peer=small, parts=0, device="cpu")
    out = Path(sys.argv[2])
    out.mkdir(exist_ok=True)
    audio.train_audio(recipe, Path(sys.argv[1]), Path(), Path(), out)
"""


def test_an_audio_training_killed_with_signal_9_ends_with_the_same_files(tmp_path):
    data = write_corpora(tmp_path / "data")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    adapter = "audio_adapter.safetensors"
    kill_and_resume([sys.executable, str(script), str(data)], broken, whole, first=broken / adapter)
    for name in (adapter, "peer_audio.safetensors"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    assert not (broken / "audio_state.pt").exists()
    log = [json.loads(line) for line in (broken / "audio_log.jsonl").read_text().split("\n") if line]
    epochs = [line["epoch"] for line in log if line["stage"] == "audio"]
    assert epochs in ([1, 2, 3], [1, 2, 2, 3]), "what was finished was not repeated"


def test_an_encoder_of_which_all_is_frozen_gives_the_tokens_that_it_gives_live(monkeypatch):
    torch.manual_seed(0)
    released = AudioEncoder().requires_grad_(False).eval()
    monkeypatch.setattr(
        AudioEncoder, "published", classmethod(lambda cls, weights, both: copy.deepcopy(released))
    )
    model = AudioModel(Path(), AudioTraining(frozen_blocks=3, peer=PeerSizes(width=16, heads=2, layers=1)))
    clip = Clip(
        None, (0.1 * np.random.default_rng(0).standard_normal(8_000)).astype(np.float16), (0, 8_000), None
    )
    view = view_of(clip, model.encoder, model.frozen, 8_000)
    inputs = cut(clip.samples.astype(np.float32), (0, 8_000), 0)
    live = released(log_mel(torch.from_numpy(inputs.samples))).flatten(0, 1)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = model.tokens([view])[0]
    assert found.numpy() == pytest.approx(live.numpy(), abs=0.15)
    assert not any(p.requires_grad for name, p in model.encoder.named_parameters() if name.startswith("norm"))
