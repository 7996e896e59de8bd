"""The diagnostic of combining draws what it says, and judges every predictor on the same rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import SourceError
from core.labels import EMOTIONS, MODALITIES
from core.models.fusion import EmotionNet
from core.models.storage import save_network
from core.spec import write_spec
from train.data.token_set import TokenSet
from train.encoding.corpus import EncodingContext
from train.evaluation import sense
from train.evaluation.sense import ABSENT, make_sense, situations
from train.evaluation.sense_data import read_examples
from train.evaluation.sense_tables import sense_table
from train.testing import SIZES, WIDTHS, corpus

NEUTRAL = EMOTIONS.index("neutral")


def answers() -> dict:
    return {m: np.arange(70) % 7 for m in MODALITIES}


def test_each_situation_holds_what_its_name_says():
    found = {s.name: s for s in situations(answers(), range(7), NEUTRAL, 10, 0)}
    assert len(found) == 11
    for name, situation in found.items():
        says = np.where(situation.members == ABSENT, ABSENT, situation.members % 7)
        same = says == situation.labels[:, None]
        odd = [i for i, m in enumerate(MODALITIES) if f"_{m}_" in name.partition("agree")[2] + "_"]
        if name == "all_agree":
            assert same.all()
        elif name == "emotionless_text_with_audio":
            assert (says[:, 0] == NEUTRAL).all()
            assert same[:, 1].all()
            assert (says[:, 2] == ABSENT).all()
        else:
            (alone,) = odd
            assert np.delete(same, alone, axis=1).all()
            what = {"absent": says == ABSENT, "neutral": says == NEUTRAL, "other": (says >= 0) & ~same}
            assert what[name.rpartition("_")[2]][:, alone].all()
            if name.endswith("other"):
                assert not (says[:, alone] == NEUTRAL).any()


def test_without_neutral_there_is_no_situation_that_needs_it():
    without = {m: np.arange(60) % 6 for m in MODALITIES}  # the last label never occurs
    names = [s.name for s in situations(without, range(6), NEUTRAL, 5, 0)]
    assert not [name for name in names if "neutral" in name or "emotionless" in name]


def one_label_each(modality: str, seed: int) -> TokenSet:
    """Examples with one label each that the tokens tell clearly."""
    made = corpus(f"only-{modality}", (modality,), examples=140, seed=seed)
    targets = np.eye(7, dtype=np.float32)[np.arange(140) % 7]
    return replace(made, targets=targets)


@pytest.fixture
def checkpoint(tmp_path, checkpoint):
    """A checkpoint that sums evidence; untrained."""
    _, spec = checkpoint
    sizes = SIZES.model_copy(update={"alone": "peer", "combination": "evidence"})
    torch.manual_seed(0)
    digest = save_network(EmotionNet(WIDTHS, 7, sizes, dropout=0.0).eval(), tmp_path / "model.safetensors")
    spec = spec.model_copy(update={"fusion": sizes.model_copy(update={"file_sha256": digest})})
    write_spec(spec, tmp_path)
    return tmp_path


def context(folder) -> EncodingContext:
    return EncodingContext(folder, folder / "cache", lambda name: folder, lambda: folder)


def test_every_predictor_is_judged_on_every_situation_and_a_peer_only_where_it_is_there(
    checkpoint, monkeypatch
):
    sets = {m: one_label_each(m, i) for i, m in enumerate(MODALITIES)}
    monkeypatch.setattr(sense, "read_examples", lambda modality, *_, **__: sets[modality])
    folders = dict.fromkeys(MODALITIES, checkpoint)
    found = make_sense(checkpoint, folders, context(checkpoint), per_label=6)
    assert "never a fusion score" in found.diagnostic.lower()
    assert set(found.situations["all_agree"]) == {"fusion", "teacher", "mean", "sum", *MODALITIES}
    assert "audio" not in found.situations["text_visual_agree_audio_absent"]
    assert found.situations["all_agree"]["fusion"]["n"] == 42
    assert found.situations["text_visual_agree_audio_neutral"]["fusion"]["n"] == 36
    assert all(0 <= p["top1"] <= 1 for s in found.situations.values() for p in s.values())
    assert len(found.agreeing) == 9
    again = make_sense(checkpoint, folders, context(checkpoint), per_label=6)
    assert again == found
    assert sense_table(found).row_count == 11 + 9


def test_a_folder_without_the_modality_is_told(tmp_path):
    with pytest.raises(SourceError, match="no corpus of visual"):
        read_examples("visual", tmp_path, EMOTIONS, context(tmp_path), 10)
    (tmp_path / "labels.csv").write_text("path,anger\na.wav,1\n")
    with pytest.raises(SourceError, match="faces are read from"):
        read_examples("visual", tmp_path, EMOTIONS, context(tmp_path), 10)
