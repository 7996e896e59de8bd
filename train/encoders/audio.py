"""Trains the audio peer, and where wanted adapters of the truncated Whisper encoder, on acted speech.

The first blocks stay as released; what they make of several augmented views of each clip is computed once.
The adapters of the remaining blocks, if any, and the peer's attention are trained on these views. Then the
peer's linear reading of the tokens' moments is solved.

Legend: B batch, T tokens, D = 512, C = 7 labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from core.config_base import Strict
from core.encoders import audio as audio_encoder
from core.encoders.audio import AudioEncoder
from core.encoders.log_mel import BLOCK_SAMPLES
from core.encoders.silero import SileroVoice
from core.encoders.weight_files import write_tensors
from train.encoders.audio_data import FOLDERS, Clip, View, pad_tokens, read_clips, view_of
from train.encoders.epoch_trainer import Draws, EpochPlan, train_epochs
from train.encoders.moment_readout import solve_statistics
from train.encoders.peer_training import PeerSizes, new_peer, set_statistics
from train.metrics import uar
from train.optim import device_of, masked_bce
from train.progress import JsonLog


class AudioTraining(Strict):
    """How the audio encoder and peer are trained.

    Attributes:
        epochs, batch, rate, peer_rate, weight_decay, average: of the training.
        frozen_blocks: of the encoder's three, from the first; 3 trains the peer alone.
        views: augmented copies of each clip.
        block_s: new seconds per input in training; validation and test always use the live 0.5 s.
        vote_share: of a target that CREMA-D's listeners make up.
        softmax: weight of a cross entropy over the labels beside the independent ones.
        cropped: share of the utterances of which only a part is seen, as in a rolling window.
        dropped: share of the tokens that are hidden.
        mixed: share of the batches in which each clip's tokens are blended with another's (mix-up).
        every: take one clip in so many, for a quick try.
        strength, parts: of `solve_statistics`, if the peer reads its tokens' moments.
        share: what the attention's logits count for beside it.
        peer: sizes of the peer.
        seed, device: "auto" takes the GPU where there is one.
    """

    epochs: int = Field(10, ge=1)
    batch: int = Field(16, ge=2)
    rate: float = Field(4e-4, gt=0)
    peer_rate: float = Field(4e-4, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    average: float = Field(0.99, ge=0, lt=1)
    frozen_blocks: int = Field(2, ge=0, le=audio_encoder.LAYERS)
    views: int = Field(6, ge=1)
    block_s: float = Field(1.0, gt=0, le=2)
    vote_share: float = Field(0.15, ge=0, le=1)
    softmax: float = Field(0.5, ge=0)
    cropped: float = Field(0.3, ge=0, le=1)
    dropped: float = Field(0.15, ge=0, lt=1)
    mixed: float = Field(0.4, ge=0, le=1)
    every: int = Field(1, ge=1)
    strength: float = Field(0.003, gt=0)
    parts: int = Field(3, ge=0)
    share: float = Field(0.5, ge=0, le=1)
    peer: PeerSizes = PeerSizes(dropout=0.3)
    seed: int = 0
    device: str = "auto"


class AudioModel(nn.Module):
    """Encoder and peer, as they are trained together."""

    def __init__(self, weights: Path, config: AudioTraining) -> None:
        super().__init__()
        self.encoder = AudioEncoder.adaptable(weights)
        for block in self.encoder.blocks[: config.frozen_blocks]:
            block.requires_grad_(False)
        self.frozen = config.frozen_blocks
        self.encoder.norm.requires_grad_(self.frozen < audio_encoder.LAYERS)
        self.peer = new_peer(audio_encoder.WIDTH, config.peer)
        if self.peer.statistics is not None:  # solved at the end; until then it says nothing
            self.peer.statistics.requires_grad_(False).linear.weight.zero_()
            self.peer.statistics.linear.bias.zero_()

    def tokens(self, views: list[View]) -> list[Tensor]:
        """(W * newest, D) tokens of each view, in time order; all views have the same `newest`."""
        states = torch.cat([view.states for view in views])
        tokens = self.encoder.tokens(states, self.frozen, views[0].newest).float()
        parts = tokens.split([len(view.states) for view in views])
        return [part.flatten(0, 1) for part in parts]


def train_audio(config: AudioTraining, data: Path, weights: Path, voice: Path, out: Path) -> dict[str, float]:
    """Train on RAVDESS and EmoDB, write `audio_adapter.safetensors` and `peer_audio.safetensors` to `out`.

    Args:
        config: see above.
        data: folder with `ravdess_speech`, `emodb`, `cremad_votes`.
        weights: folder of Whisper base (CTranslate2).
        voice: file of the Silero network.
        out: where to write.

    Returns:
        Unweighted average recall per corpus on validation and test speakers.
    """
    torch.manual_seed(config.seed)
    log = JsonLog(out / "audio_log.jsonl")
    clips = read_clips(data, SileroVoice(voice), config.vote_share, config.every)
    model = AudioModel(weights, config).to(device_of(config.device))
    train = [clip for clip in clips if clip.example.split == "train"]
    rng = np.random.default_rng(config.seed)
    step = round(config.block_s * 16_000)
    seen = [
        [view_of(clip, model.encoder, model.frozen, step, rng) for _ in range(config.views)] for clip in train
    ]
    held = _live_views(model, [clip for clip in clips if clip.example.split == "validation"])
    log.write(stage="views", train=len(train), validation=len(held))
    whole = _live_views(model, train) if model.peer.statistics is not None else []
    if whole:
        set_statistics(model.peer, torch.cat(_spoken_tokens(model, [view for _, view in whole])))
    model = _fit(config, model, train, seen, held, log, out / "audio_state.pt")
    if whole:
        _add_statistics(config, model, whole, rng)
    test = _live_views(model, [clip for clip in clips if clip.example.split == "test"])
    figures = audio_figures(model, held, "validation") | audio_figures(model, test, "test")
    log.write(stage="figures", **figures)
    write_tensors(model.encoder.adapters(), out / audio_encoder.FILE)
    write_tensors(model.peer.state_dict(), out / "peer_audio.safetensors")
    (out / "audio_state.pt").unlink(missing_ok=True)  # done: the next run starts afresh
    return figures


def _add_statistics(
    config: AudioTraining, model: AudioModel, live: list[tuple[Clip, View]], rng: np.random.Generator
) -> None:
    """Solve the linear reading on whole training utterances as live; the attention keeps its share."""
    tokens = _spoken_tokens(model, [view for _, view in live])
    classes = np.array([clip.example.labels.target.argmax() for clip, _ in live])
    solve_statistics(model.peer, tokens, classes, strength=config.strength, parts=config.parts, rng=rng)
    with torch.no_grad():
        model.peer.head.weight.mul_(config.share)
        model.peer.head.bias.mul_(config.share)


@torch.no_grad()
def _spoken_tokens(model: AudioModel, views: list[View]) -> list[Tensor]:
    """(T, D) tokens of each view's speech; all of them where there is none."""
    found = []
    for at in range(0, len(views), 16):
        some = views[at : at + 16]
        with torch.autocast(some[0].states.device.type, torch.bfloat16):
            tokens = model.tokens(some)
        found += [t[v.spoken] if v.spoken.any() else t for t, v in zip(tokens, some, strict=True)]
    return found


def _live_views(model: AudioModel, clips: list[Clip]) -> list[tuple[Clip, View]]:
    """Views as the live loop would have them."""
    return [(clip, view_of(clip, model.encoder, model.frozen, BLOCK_SAMPLES)) for clip in clips]


def _fit(
    config: AudioTraining,
    model: AudioModel,
    train: list[Clip],
    seen: list[list[View]],
    held: list[tuple[Clip, View]],
    log: JsonLog,
    state: Path,
) -> AudioModel:
    draws = Draws.seeded(config.seed)
    generator = draws.generator

    def batches(epoch: int) -> Iterator[tuple[list[Clip], list[View]]]:
        for rows in torch.randperm(len(train), generator=generator).split(config.batch):
            if len(rows) == config.batch:
                chosen = torch.randint(0, config.views, (len(rows),), generator=generator)
                pairs = list(zip(rows.tolist(), chosen.tolist(), strict=True))
                yield [train[row] for row, _ in pairs], [seen[row][view] for row, view in pairs]

    plan = EpochPlan(
        stage="audio",
        epochs=config.epochs,
        steps=config.epochs * (len(train) // config.batch),
        rates=[(model.encoder, config.rate), (model.peer, config.peer_rate)],
        weight_decay=config.weight_decay,
        average=config.average,
    )
    return train_epochs(
        model,
        plan,
        draws,
        batches,
        lambda batch: _loss(config, model, *batch, generator),
        log,
        figures=lambda net: audio_figures(net, held, "validation"),
        state=state,
        keep_best=True,
    )


def _loss(
    config: AudioTraining, model: AudioModel, clips: list[Clip], views: list[View], generator: torch.Generator
) -> Tensor:
    with torch.autocast(views[0].states.device.type, torch.bfloat16):
        tokens = model.tokens(views)
    spoken = [_hide(config, view.spoken, generator) for view in views]
    values, times, mask = pad_tokens(tokens, [view.times_s for view in views], spoken)
    target = torch.stack([torch.from_numpy(clip.target) for clip in clips])
    available = torch.stack([torch.from_numpy(clip.example.labels.available) for clip in clips])
    if torch.rand((), generator=generator) < config.mixed:
        values, target, available = _blend(values, mask, target, available, generator)
    logits = model.peer(values, times, mask).logits
    softmax = nn.functional.cross_entropy(logits.masked_fill(~available, -1e4), target)
    return masked_bce(logits, target, available) + config.softmax * softmax


def _blend(
    values: Tensor, mask: Tensor, target: Tensor, available: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Blend tokens (B, T, D) with those of another clip where both have some, and the targets likewise."""
    order = torch.randperm(len(values), generator=generator)
    share = 0.5 + 0.5 * float(torch.rand((), generator=generator))
    both = (mask & mask[order])[..., None]
    mixed = torch.where(both, share * values + (1 - share) * values[order], values)
    known = available & available[order]
    target = (share * target + (1 - share) * target[order]) * known
    # what falls on labels that one of the two does not know is spread over the rest
    return mixed, target / target.sum(dim=1, keepdim=True).clamp(min=1e-6), known


def _hide(config: AudioTraining, spoken: Tensor, generator: torch.Generator) -> Tensor:
    """Crop an utterance and drop some of its tokens."""
    places = spoken.nonzero().squeeze(1)
    if len(places) > 8 and torch.rand((), generator=generator) < config.cropped:
        length = int(torch.randint(8, len(places) + 1, (), generator=generator))
        begin = int(torch.randint(0, len(places) - length + 1, (), generator=generator))
        places = places[begin : begin + length]
    places = places[torch.rand(len(places), generator=generator) >= config.dropped]
    hidden = torch.zeros_like(spoken)
    hidden[places] = True
    return hidden


@torch.no_grad()
def predict(model: AudioModel, held: list[tuple[Clip, View]]) -> np.ndarray:
    """(N, C) probabilities of whole utterances."""
    model.eval()
    rows = []
    for at in range(0, len(held), 16):
        views = [view for _, view in held[at : at + 16]]
        with torch.autocast(views[0].states.device.type, torch.bfloat16):
            tokens = model.tokens(views)
        padded = pad_tokens(tokens, [view.times_s for view in views], [view.spoken for view in views])
        rows.append(model.peer(*padded).logits.sigmoid().numpy())
    return np.concatenate(rows)


def audio_figures(model: AudioModel, held: list[tuple[Clip, View]], split: str) -> dict[str, float]:
    """UAR per corpus; the guess is the most probable label among those that the corpus has."""
    probabilities = predict(model, held)
    figures = {}
    for corpus in FOLDERS:
        rows = [i for i, (clip, _) in enumerate(held) if clip.example.corpus == corpus.NAME]
        if not rows:
            continue
        examples = [held[i][0].example for i in rows]
        available = np.stack([e.labels.available for e in examples])
        truth = np.stack([e.labels.target for e in examples]).argmax(axis=1)
        guess = np.where(available, probabilities[rows], -1).argmax(axis=1)
        figures[f"{corpus.NAME}_{split}_uar"] = uar(truth, guess)
    return figures
