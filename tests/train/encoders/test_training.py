"""The trainings themselves, on a handful of made-up examples."""

import json
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from core.encoders import text as text_encoder
from core.encoders.text_tokens import PieceTokenizer
from core.encoders.visual import ExpressionNet
from core.encoders.weight_files import read_tensors
from core.errors import ConfigError
from core.labels import EMOTIONS
from tests.train.killing import kill_and_resume
from tests.train.tiny_corpora import write_faces
from train.corpora.base import TextExample, labels_of
from train.encoders import text
from train.encoders.command import train_encoder
from train.encoders.peer_training import CorpusBias, PeerSizes, new_peer
from train.encoders.text import TextTraining
from train.encoders.text_data import epoch_batches
from train.encoders.visual import Faces, VisualTraining, face_figures, train_network
from train.metrics import macro_f1, uar
from train.optim import MovingAverage, masked_bce
from train.progress import JsonLog
from train.raw.vocabulary import learn_vocabulary
from train.thresholds import fit_thresholds

SMALL = PeerSizes(width=16, heads=2, layers=1, feedforward=16)


class TestCorpusBias:
    def test_fresh_maps_change_nothing(self):
        logits = torch.randn(4, 7)
        torch.testing.assert_close(CorpusBias(2, 7)(logits, torch.tensor([0, 1, 1, 0])), logits)

    def test_folding_gives_the_peer_the_mean_of_the_maps_that_know_a_label(self):
        torch.manual_seed(0)
        maps, peer = CorpusBias(2, 7), new_peer(8, SMALL).eval()
        with torch.no_grad():
            maps.scale.copy_(torch.randn(2, 7) * 0.3)
            maps.bias.copy_(torch.randn(2, 7))
        known = torch.ones(2, 7, dtype=torch.bool)
        known[1, 1] = False
        inputs = (torch.randn(3, 5, 8), torch.rand(3, 5), torch.ones(3, 5, dtype=torch.bool))
        with torch.no_grad():
            before = peer(*inputs).logits
            mapped = [maps(before, torch.full((3,), k)) for k in (0, 1)]
            maps.fold_into(peer, known)
            after = peer(*inputs).logits
        expected = (mapped[0] + mapped[1]) / 2
        expected[:, 1] = mapped[0][:, 1]
        torch.testing.assert_close(after, expected, atol=1e-5, rtol=1e-4)


class TestScores:
    def test_unknown_labels_neither_teach_nor_count(self):
        logits = torch.tensor([[0.3, -2.0], [1.0, 5.0]])
        target = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
        known = torch.tensor([[True, False], [True, False]])
        expected = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], target[:, 0])
        torch.testing.assert_close(masked_bce(logits, target, known), expected)
        assert masked_bce(logits, target, torch.zeros_like(known)) == 0

    def test_thresholds_separate_what_can_be_separated(self):
        rng = np.random.default_rng(0)
        truth = rng.random((4000, 2)) < [0.5, 0.1]
        scores = np.where(truth, [0.6, 0.2], [0.4, 0.05]).astype(np.float32)
        known = np.ones_like(truth)
        thresholds = np.array(fit_thresholds(scores, truth.astype(np.float32), known))
        assert macro_f1(scores, truth.astype(np.float32), known, thresholds) == 1.0
        assert 0.05 < thresholds[1] <= 0.2 < thresholds[0] <= 0.6

    def test_average_recall_counts_classes_not_clips(self):
        assert uar(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])) == 0.5

    def test_a_contemptuous_face_is_an_error_of_a_net_without_contempt(self):
        target = torch.zeros(3, 7)
        target[0, 3], target[1, 3], target[2, 3], target[2, 4] = 0.8, 0.2, 0.5, 0.4
        faces = Faces(torch.zeros(3, 1, 48, 48), target, torch.tensor([3, 7, -1]))
        figures = face_figures(np.eye(7)[[3, 3, 4]], faces)
        assert figures["accuracy"] == 0.5
        assert figures["plurality_accuracy"] == pytest.approx(1 / 3)
        assert face_figures(np.eye(7)[[3, 0, 4]] * 0.5, faces, np.array([0, 0.9, 0]))["accuracy"] == 1.0


class TestMovingAverage:
    def test_it_follows_what_is_trained_and_copies_statistics(self):
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
        module[0].bias.requires_grad_(False)
        average = MovingAverage(module, 0.9)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(1.0)
            module[1].running_mean.fill_(5.0)
        average.update(module)
        moved = average.module[0].weight - (module[0].weight - 1.0)
        assert (moved > 0.1).all()
        assert (moved < 1.0).all()
        assert (average.module[1].running_mean == 5.0).all()
        torch.testing.assert_close(average.module[0].bias, module[0].bias - 1.0)


class TestFaces:
    CONFIG = VisualTraining(epochs=2, batch=4, peer=SMALL, peer_steps=2, peer_batch=4, views=1, device="cpu")

    @pytest.fixture
    def faces(self):
        generator = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 255, (8, 1, 48, 48), generator=generator).to(torch.uint8)
        target = torch.eye(7)[torch.arange(8) % 7]
        return Faces(pixels, target, torch.arange(8) % 7)

    def test_a_killed_training_ends_with_the_weights_of_an_uninterrupted_one(self, faces, tmp_path):
        torch.manual_seed(0)
        whole = train_network(self.CONFIG, faces, faces, JsonLog(tmp_path / "a.jsonl"), tmp_path / "a.pt")

        class Killed(Exception):
            pass

        class DyingLog(JsonLog):
            def write(self, **values):
                if values["epoch"] == 2:
                    raise Killed

        torch.manual_seed(0)
        with pytest.raises(Killed):
            train_network(self.CONFIG, faces, faces, DyingLog(tmp_path / "b.jsonl"), tmp_path / "b.pt")
        torch.manual_seed(123)
        resumed = train_network(self.CONFIG, faces, faces, JsonLog(tmp_path / "b.jsonl"), tmp_path / "b.pt")
        for name, value in whole.state_dict().items():
            torch.testing.assert_close(resumed.state_dict()[name], value, atol=0, rtol=0)

    def test_one_command_trains_from_the_corpus_to_the_checkpoint_files(self, tmp_path):
        write_faces(tmp_path / "ferplus", train=80)
        config = tmp_path / "visual.yaml"
        config.write_text(
            "modality: visual\nvisual: {epochs: 9, batch: 8, views: 1, device: cpu}\n", encoding="utf-8"
        )
        overrides = ["visual.epochs=1", "visual.limit=8", "visual.peer_steps=2", "visual.peer_batch=4"]
        figures = train_encoder(config, tmp_path, tmp_path / "out", overrides)
        assert {"test_accuracy", "validation_macro_f1"} <= set(figures)
        ExpressionNet.load(tmp_path / "out")
        peer = new_peer(256, PeerSizes())
        read_tensors(tmp_path / "out" / "peer_visual.safetensors", expected=peer.state_dict())
        log = [json.loads(line) for line in (tmp_path / "out" / "visual_log.jsonl").read_text().splitlines()]
        assert [line["stage"] for line in log] == ["network", "peer", "figures"]

    def test_a_misspelt_option_is_named(self, tmp_path):
        config = tmp_path / "visual.yaml"
        config.write_text("modality: visual\nvisual: {epoch: 3}\n", encoding="utf-8")
        with pytest.raises(ConfigError, match="epoch"):
            train_encoder(config, tmp_path, tmp_path / "out", [])


class SmallEncoder(torch.nn.Module):
    """Tokens of the width of MiniLM's, with dropout, whose chance must be resumed as well."""

    def __init__(self):
        super().__init__()
        self.words = torch.nn.Embedding(100, text_encoder.WIDTH)
        self.dropout = torch.nn.Dropout(0.1)

    def forward(self, ids, mask):
        return self.dropout(self.words(ids))


class TestTexts:
    """The text encoder and peer on a dozen sentences; a small network stands for MiniLM."""

    CONFIG = TextTraining(
        epochs=2, batch=4, shares={"goemotions": 1.0, "xed": 1.0, "brighter": 1.0}, peer=SMALL
    )

    @pytest.fixture
    def examples(self):
        def example(number: int, corpus: str, split: str) -> TextExample:
            text = f"Sentence, number {number}: {'good' if number % 2 else 'bad'}!"
            shares = {EMOTIONS[number % 7]: 1.0}
            return TextExample(f"{split}{number}", corpus, text, split, labels_of(shares), text)

        names = ("goemotions", "xed", "brighter")
        return [
            example(n, c, s)
            for c in names
            for s, count in (("train", 4), ("validation", 2))
            for n in range(count)
        ]

    def test_a_killed_training_ends_with_the_weights_of_an_uninterrupted_one(
        self, examples, monkeypatch, tmp_path
    ):
        learn_vocabulary([example.text for example in examples], 100, tmp_path)
        tokenizer = PieceTokenizer(tmp_path)
        monkeypatch.setattr(text.TextEncoder, "adaptable", lambda folder: SmallEncoder())

        def fit(log: JsonLog, state: Path) -> dict[str, torch.Tensor]:
            torch.manual_seed(0)
            model = text.TextModel(tmp_path, SMALL)
            return text._fit(self.CONFIG, model, examples, tokenizer, log, state).state_dict()

        whole = fit(JsonLog(tmp_path / "a.jsonl"), tmp_path / "a.pt")

        class Killed(Exception):
            pass

        class DyingLog(JsonLog):
            def write(self, **values):
                if values["epoch"] == 2:
                    raise Killed

        with pytest.raises(Killed):
            fit(DyingLog(tmp_path / "b.jsonl"), tmp_path / "b.pt")
        resumed = fit(JsonLog(tmp_path / "b.jsonl"), tmp_path / "b.pt")
        for name, value in whole.items():
            torch.testing.assert_close(resumed[name], value, atol=0, rtol=0)


KILLED = """
    import sys
    from pathlib import Path
    from train.encoders.command import train_encoder
    begun = (Path(sys.argv[3]) / "visual_recipe.json").exists()
    train_encoder(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), [], resume=begun)
"""


def test_an_encoder_training_killed_with_signal_9_ends_with_the_same_files(tmp_path):
    write_faces(tmp_path / "ferplus")
    recipe, whole, broken = tmp_path / "visual.yaml", tmp_path / "whole", tmp_path / "broken"
    small = "epochs: 3, batch: 8, limit: 16, views: 1, device: cpu, peer_steps: 3, peer_batch: 4"
    recipe.write_text(f"modality: visual\nvisual: {{{small}}}\n", encoding="utf-8")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(KILLED))
    command = [sys.executable, str(script), str(recipe), str(tmp_path)]
    kill_and_resume(command, broken, whole, first=broken / "visual.safetensors")
    for name in ("visual.safetensors", "peer_visual.safetensors"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    log = [json.loads(line) for line in (broken / "visual_log.jsonl").read_text().splitlines()]
    epochs = [line["epoch"] for line in log if line["stage"] == "network"]
    assert epochs in ([1, 2, 3], [1, 2, 2, 3]), "what was finished was not repeated"


def test_all_peers_speak_the_seven_emotions():
    assert new_peer(8, SMALL).head.out_features == len(EMOTIONS)


def test_rare_labels_of_a_balanced_corpus_are_drawn_more_often():
    def example(number: int) -> TextExample:
        label = "anger" if number < 4 else "neutral"
        return TextExample(f"{number}", "emotionlines", f"t{number}", "train", labels_of({label: 1.0}), "x")

    rows = [example(n) for n in range(100)]
    shares = {"goemotions": 0.0, "xed": 0.0, "brighter": 0.0, "emotionlines": 4.0}

    def angry(power: float) -> float:
        drawn = epoch_batches(
            rows, shares, 4, 0, torch.Generator().manual_seed(0), balance={"emotionlines": power}
        )
        found = [e.labels.target[EMOTIONS.index("anger")] for batch in drawn for e in batch]
        return float(np.mean(found))

    assert angry(0.0) == pytest.approx(0.04, abs=0.001)
    assert angry(1.0) == pytest.approx(0.5, abs=0.08)
    assert 0.1 < angry(0.5) < 0.3
