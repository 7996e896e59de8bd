"""Trains MiniLM's adapters and the text peer together on multi-label corpora.

Legend: B batch, T word pieces, C = 7 labels.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from core.config_base import Strict
from core.encoders import text as text_encoder
from core.encoders.text import TextEncoder
from core.encoders.text_tokens import PieceTokenizer
from core.encoders.weight_files import write_tensors
from core.labels import EMOTIONS
from train.corpora.base import TextExample, assert_disjoint
from train.encoders.epoch_trainer import Draws, EpochPlan, train_epochs
from train.encoders.peer_training import CorpusBias, PeerSizes, new_peer
from train.encoders.text_data import CORPORA, TextBatch, epoch_batches, make_batch, used_corpora
from train.encoders.text_teachers import taught
from train.metrics import macro_f1
from train.optim import device_of, label_tensors, masked_bce
from train.progress import JsonLog
from train.thresholds import fit_thresholds


class TextShares(Strict):
    """How often the training part of each corpus is seen per epoch: 1.5 = once, and half of it again."""

    goemotions: float = Field(1.0, ge=0)
    xed: float = Field(0.6, ge=0)
    brighter: float = Field(3.0, ge=0)
    emotionlines: float = Field(0.0, ge=0)


class TextBalance(Strict):
    """How strongly rare labels of each corpus are drawn more often, in [0, 1]; see `TextTraining.balance`."""

    goemotions: float = Field(0.0, ge=0, le=1)
    xed: float = Field(0.0, ge=0, le=1)
    brighter: float = Field(0.0, ge=0, le=1)
    emotionlines: float = Field(0.0, ge=0, le=1)


class TextTraining(Strict):
    """How the text encoder and peer are trained.

    Attributes:
        epochs, batch, rate, peer_rate, weight_decay, average: of the training.
        shares: how often the training part of each corpus is seen per epoch; one with 0 is not read.
        balance: per corpus: texts are drawn as often as their most voted label's share to minus this,
            0 = as they come, 1 = every label as often.
        spoken: share of the texts that lose their punctuation.
        teachers: folders of checkpoints whose estimates soften the labels; see `text_teachers`.
        teacher_share: of a target that they make up.
        limit: use only so many training texts (0 = all), for a quick try.
        peer: sizes of the peer.
        seed, device: "auto" takes the GPU where there is one.
    """

    epochs: int = Field(3, ge=1)
    batch: int = Field(48, ge=2)
    rate: float = Field(1e-3, gt=0)
    peer_rate: float = Field(5e-4, gt=0)
    weight_decay: float = Field(0.02, ge=0)
    average: float = Field(0.997, ge=0, lt=1)
    shares: TextShares = TextShares()
    balance: TextBalance = TextBalance()
    spoken: float = Field(0.25, ge=0, le=1)
    teachers: tuple[str, ...] = ()
    teacher_share: float = Field(0.5, ge=0, le=1)
    limit: int = Field(0, ge=0)
    peer: PeerSizes = PeerSizes()
    seed: int = 0
    device: str = "auto"


class TextModel(nn.Module):
    """Encoder, peer and the per-corpus maps, as they are trained together."""

    def __init__(self, weights: Path, sizes: PeerSizes) -> None:
        super().__init__()
        self.encoder = TextEncoder.adaptable(weights)
        self.peer = new_peer(text_encoder.WIDTH, sizes)
        self.corpus = CorpusBias(len(CORPORA), len(EMOTIONS))

    def forward(self, batch: TextBatch) -> Tensor:
        """(B, C) logits in the rows' own corpora."""
        tokens = self.encoder(batch.ids, batch.mask)
        return self.corpus(self.peer(tokens, batch.times_s, batch.mask).logits.float(), batch.corpus)


def train_text(config: TextTraining, data: Path, weights: Path, out: Path) -> dict[str, float]:
    """Train on `data/text_emotion`, write `text_adapter.safetensors` and `peer_text.safetensors` to `out`.

    Args:
        config, data, out: see above.
        weights: folder of MiniLM.

    Returns:
        Macro-F1 per corpus and split, thresholds chosen on that corpus' validation part.
    """
    torch.manual_seed(config.seed)
    log = JsonLog(out / "text_log.jsonl")
    corpora = used_corpora(config.shares.model_dump())
    examples = [example for corpus in corpora for example in corpus.read(data / "text_emotion")]
    assert_disjoint(examples)
    tokenizer = PieceTokenizer(weights)
    teachers = [Path(folder) for folder in config.teachers]
    examples = taught(examples, teachers, config.teacher_share, weights, tokenizer)
    model = TextModel(weights, config.peer).to(device_of(config.device))
    model = _fit(config, model, examples, tokenizer, log, out / "text_state.pt")
    figures = text_figures(model, examples, tokenizer)
    log.write(stage="figures", **figures)
    known = torch.zeros(len(CORPORA), len(EMOTIONS), dtype=torch.bool)
    for number, corpus in enumerate(CORPORA):
        for example in [e for e in examples if e.corpus == corpus.NAME][:1]:
            known[number] = torch.from_numpy(example.labels.available)
    model.corpus.fold_into(model.peer, known)
    write_tensors(model.encoder.adapters(), out / text_encoder.FILE)
    write_tensors(model.peer.state_dict(), out / "peer_text.safetensors")
    (out / "text_state.pt").unlink(missing_ok=True)  # done: the next run starts afresh
    return figures


def _fit(
    config: TextTraining,
    model: TextModel,
    examples: list[TextExample],
    tokenizer: PieceTokenizer,
    log: JsonLog,
    state: Path,
) -> TextModel:
    draws = Draws.seeded(config.seed)
    train = [example for example in examples if example.split == "train"]
    shares = config.shares.model_dump()
    count = sum(round(shares[c.NAME] * sum(e.corpus == c.NAME for e in train)) for c in CORPORA)
    count = min(count, config.limit or count)

    def batches(epoch: int) -> Iterator[TextBatch]:
        drawn = epoch_batches(
            train, shares, config.batch, config.limit, draws.generator, balance=config.balance.model_dump()
        )
        for rows in drawn:
            yield make_batch(rows, tokenizer, draws.python, config.spoken)

    def loss(batch: TextBatch) -> Tensor:
        with torch.autocast(batch.ids.device.type, torch.bfloat16):
            logits = model(batch)
        return masked_bce(logits, batch.target, batch.available)

    plan = EpochPlan(
        stage="text",
        epochs=config.epochs,
        steps=config.epochs * (count // config.batch),
        rates=[(model.encoder, config.rate), (model.peer, config.peer_rate), (model.corpus, 1e-2)],
        weight_decay=config.weight_decay,
        average=config.average,
    )
    return train_epochs(
        model,
        plan,
        draws,
        batches,
        loss,
        log,
        figures=lambda net: text_figures(net, examples, tokenizer, splits=("validation",)),
        state=state,
    )


@torch.no_grad()
def predict(model: TextModel, rows: list[TextExample], tokenizer: PieceTokenizer) -> np.ndarray:
    """(N, C) probabilities in the rows' own corpora."""
    model.eval()
    order = sorted(range(len(rows)), key=lambda index: len(rows[index].text))
    result = np.zeros((len(rows), len(EMOTIONS)), np.float32)
    rng = random.Random(0)
    for at in range(0, len(order), 64):
        chosen = order[at : at + 64]
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(make_batch([rows[i] for i in chosen], tokenizer, rng))
        result[chosen] = logits.float().sigmoid().numpy()
    return result


def text_figures(
    model: TextModel,
    examples: list[TextExample],
    tokenizer: PieceTokenizer,
    splits: tuple[str, ...] = ("validation", "test"),
) -> dict[str, float]:
    """Macro-F1 per corpus and split with thresholds from that corpus' validation part."""
    figures = {}
    for corpus in [c for c in CORPORA if any(e.corpus == c.NAME for e in examples)]:
        thresholds: np.ndarray | None = None
        for split in splits:
            rows = [e for e in examples if e.corpus == corpus.NAME and e.split == split]
            target, available = (tensor.numpy() for tensor in label_tensors(rows))
            probabilities = predict(model, rows, tokenizer)
            if thresholds is None:
                thresholds = np.array(fit_thresholds(probabilities, target, available))
            found = macro_f1(probabilities, target, available, thresholds)
            figures[f"{corpus.NAME}_{split}_macro_f1"] = found
    return figures
