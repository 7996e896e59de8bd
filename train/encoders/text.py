"""Trains MiniLM's adapters and the text peer together on multi-label corpora.

Legend: B batch, T word pieces, C = 7 labels.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from core.config_base import Strict
from core.encoders import text as text_encoder
from core.encoders.text import TextEncoder
from core.encoders.text_tokens import PieceTokenizer, pad_pieces
from core.encoders.weight_files import write_tensors
from core.labels import EMOTIONS
from train.corpora import brighter, goemotions, xed
from train.corpora.base import TextExample, assert_disjoint
from train.encoders.peer_training import CorpusBias, PeerSizes, new_peer
from train.encoders.resume import TrainingState
from train.encoders.scores import choose_thresholds, macro_f1
from train.encoders.spoken import spoken, word_times
from train.optim import MovingAverage, device_of, label_tensors, masked_bce, optimiser, warm_up_and_cosine
from train.progress import JsonLog

CORPORA = (goemotions, xed, brighter)


class TextShares(Strict):
    """How often the training part of each corpus is seen per epoch: 1.5 = once, and half of it again."""

    goemotions: float = Field(1.0, ge=0)
    xed: float = Field(0.6, ge=0)
    brighter: float = Field(3.0, ge=0)


class TextTraining(Strict):
    """How the text encoder and peer are trained.

    Attributes:
        epochs, batch, rate, peer_rate, weight_decay, average: of the training.
        shares: how often the training part of each corpus is seen per epoch.
        spoken: share of the texts that lose their punctuation.
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
    spoken: float = Field(0.25, ge=0, le=1)
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


@dataclass(frozen=True, slots=True)
class TextBatch:
    """ids (B, T) int64, mask (B, T) bool, times_s (B, T), corpus (B,) int64, target and available (B, C)."""

    ids: Tensor
    mask: Tensor
    times_s: Tensor
    corpus: Tensor
    target: Tensor
    available: Tensor


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
    examples = [example for corpus in CORPORA for example in corpus.read(data / "text_emotion")]
    assert_disjoint(examples)
    tokenizer = PieceTokenizer(weights)
    model = TextModel(weights, config.peer).to(device_of(config.device))
    model = _fit(config, model, examples, tokenizer, log, out / "text_state.pt")
    figures = text_figures(model, examples, tokenizer)
    log.write(stage="figures", **figures)
    known = torch.stack(
        [torch.from_numpy(next(e for e in examples if e.corpus == c.NAME).labels.available) for c in CORPORA]
    )
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
    rng = random.Random(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    train = [example for example in examples if example.split == "train"]
    shares = config.shares.model_dump()
    count = sum(round(shares[c.NAME] * sum(e.corpus == c.NAME for e in train)) for c in CORPORA)
    count = min(count, config.limit or count)
    rates = [(model.encoder, config.rate), (model.peer, config.peer_rate), (model.corpus, 1e-2)]
    optim = optimiser(rates, weight_decay=config.weight_decay)
    schedule = warm_up_and_cosine(optim, config.epochs * (count // config.batch))
    average = MovingAverage(model, config.average)
    run = TrainingState(state, model, optim, schedule, average, generator)
    done = run.restore()
    _replay_draws(config, train, done, rng)
    for epoch in range(done, config.epochs):
        model.train()
        total, steps = 0.0, 0
        for rows in _epoch(config, train, generator):
            batch = make_batch(rows, tokenizer, rng, config.spoken)
            with torch.autocast(batch.ids.device.type, torch.bfloat16):
                logits = model(batch)
            loss = masked_bce(logits, batch.target, batch.available)
            optim.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optim.step()
            schedule.step()
            average.update(model)
            total, steps = total + float(loss.detach()), steps + 1
            if steps % 200 == 0:
                log.write(stage="text", epoch=epoch + 1, step=steps, loss=total / steps)
        figures = text_figures(average.module, examples, tokenizer, splits=("validation",))
        log.write(stage="text", epoch=epoch + 1, loss=total / max(1, steps), **figures)
        run.save(epoch + 1)
    averaged: TextModel = average.module
    return averaged.eval()


def _replay_draws(config: TextTraining, train: list[TextExample], epochs: int, rng: random.Random) -> None:
    """Draw again what the first epochs drew: a resumed run goes on with the numbers of a whole one."""
    generator = torch.Generator().manual_seed(config.seed)
    for _ in range(epochs):
        for rows in _epoch(config, train, generator):
            for row in rows:
                _words_and_times(row, rng, config.spoken)


def _epoch(
    config: TextTraining, train: list[TextExample], generator: torch.Generator
) -> Iterator[list[TextExample]]:
    """Batches of texts of similar length, in random order."""
    chosen: list[TextExample] = []
    shares = config.shares.model_dump()
    for corpus in CORPORA:
        rows = [example for example in train if example.corpus == corpus.NAME]
        wanted = round(shares[corpus.NAME] * len(rows))
        while wanted > 0:
            order = torch.randperm(len(rows), generator=generator)[:wanted]
            chosen += [rows[i] for i in order]
            wanted -= len(order)
    chosen = [chosen[i] for i in torch.randperm(len(chosen), generator=generator)]
    chosen = chosen[: config.limit or None]
    pool = config.batch * 40
    batches = []
    for at in range(0, len(chosen), pool):
        rows = sorted(chosen[at : at + pool], key=lambda example: len(example.text))
        batches += [rows[i : i + config.batch] for i in range(0, len(rows), config.batch)]
    for index in torch.randperm(len(batches), generator=generator):
        if len(batches[index]) == config.batch:
            yield batches[index]


def make_batch(
    rows: list[TextExample], tokenizer: PieceTokenizer, rng: random.Random, spoken_share: float = 0.0
) -> TextBatch:
    """Tokenise texts; some as they would be spoken."""
    pieces = [tokenizer.pieces(*_words_and_times(row, rng, spoken_share)) for row in rows]
    ids, mask = pad_pieces(pieces)
    times = np.zeros(ids.shape, np.float32)
    for index, one in enumerate(pieces):
        times[index, : len(one.times_s)] = one.times_s
    names = [corpus.NAME for corpus in CORPORA]
    corpus = torch.tensor([names.index(row.corpus) for row in rows])
    target, available = label_tensors(rows)
    return TextBatch(
        torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(times), corpus, target, available
    )


def _words_and_times(
    row: TextExample, rng: random.Random, spoken_share: float
) -> tuple[list[str], list[float]]:
    """Words, without punctuation as if recognised by chance, and their times."""
    words = (spoken(row.text) if rng.random() < spoken_share else row.text).split() or [row.text]
    return words, word_times(len(words), rng)


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
    for corpus in CORPORA:
        thresholds = None
        for split in splits:
            rows = [e for e in examples if e.corpus == corpus.NAME and e.split == split]
            target, available = (tensor.numpy() for tensor in label_tensors(rows))
            probabilities = predict(model, rows, tokenizer)
            if thresholds is None:
                thresholds = choose_thresholds(probabilities, target >= 0.5, available)
            figures[f"{corpus.NAME}_{split}_macro_f1"] = macro_f1(
                probabilities, target >= 0.5, available, thresholds
            )
    return figures
