import numpy as np
import pytest
import torch

from core.encoders import audio
from core.encoders.audio import FILE, AudioEncoder
from core.encoders.log_mel import log_mel
from core.encoders.weight_files import write_tensors


@pytest.fixture(scope="module")
def folder(weights):
    return weights("whisper-base")


@pytest.fixture(scope="module")
def mel():
    samples = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    return torch.from_numpy(log_mel(samples))[None]


def test_a_block_gives_five_tokens_which_are_the_newest_of_the_whole_input(folder, mel):
    network = AudioEncoder.published(folder)
    with torch.no_grad():
        block = network(mel)
        whole = network.tokens(network.states(mel, 2), 2, 20)
    assert block.shape == (1, audio.BLOCK_TOKENS, audio.WIDTH)
    torch.testing.assert_close(block, whole[:, -5:], atol=1e-4, rtol=1e-4)


def test_all_six_layers_are_whispers_encoder(folder, mel, monkeypatch):
    """The layers are read and computed as CTranslate2 does; it gives the last layer only, normalised."""
    import ctranslate2

    monkeypatch.setattr(audio, "LAYERS", 6)
    network = AudioEncoder.published(folder)
    model = ctranslate2.models.Whisper(str(folder), compute_type="float32", intra_threads=1)
    expected = np.array(model.encode(ctranslate2.StorageView.from_array(mel.numpy())))
    with torch.no_grad():
        states = network.states(mel, 6)
        found = torch.nn.functional.layer_norm(states, (audio.STATE_WIDTH,)).numpy()
    # Whisper's last norm is affine, ours is fresh: equal up to one scale and shift per feature.
    for feature in range(0, audio.STATE_WIDTH, 64):
        correlation = np.corrcoef(found[0, :, feature], expected[0, :, feature])[0, 1]
        assert correlation > 0.9999


def test_stored_adapters_come_back_merged(folder, mel, tmp_path):
    network = AudioEncoder.adaptable(folder).eval()
    for name, value in network.named_parameters():
        if name.endswith(".up"):
            torch.nn.init.normal_(value, std=0.02)
    write_tensors(network.adapters(), tmp_path / FILE)
    with torch.no_grad():
        adapted, loaded = network(mel), AudioEncoder.load(folder, tmp_path)(mel)
        published = AudioEncoder.published(folder)(mel)
    torch.testing.assert_close(loaded, adapted, atol=0.02, rtol=0.02)
    assert (published - loaded).abs().max() > 0.1


def test_a_file_from_before_has_tokens_of_the_third_layer_alone(folder, mel, tmp_path):
    old, new = AudioEncoder.published(folder, both=False), AudioEncoder.published(folder)
    write_tensors(AudioEncoder.adaptable(folder, both=False).adapters(), tmp_path / FILE)
    loaded = AudioEncoder.load(folder, tmp_path)
    with torch.no_grad():
        assert old(mel).shape == (1, audio.BLOCK_TOKENS, audio.STATE_WIDTH)
        torch.testing.assert_close(old(mel), new(mel)[..., audio.STATE_WIDTH :])
        torch.testing.assert_close(loaded(mel), old(mel), atol=0.02, rtol=0.02)
