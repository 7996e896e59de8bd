"""The epochs of the audio encoder's training: which clips, which views, compared with which history.

Legend: B batch, T tokens, D = 1024, C = 7 labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from train.encoders.audio_data import Clip, View, pad_tokens
from train.encoders.audio_recipe import AudioModel, AudioTraining
from train.encoders.epoch_trainer import Draws, EpochPlan, train_epochs
from train.encoders.voice_memory import VoiceMemory
from train.optim import masked_bce
from train.progress import JsonLog


@dataclass(frozen=True, slots=True, eq=False)
class TrainingClips:
    """What is learned from.

    Attributes:
        clips: N of them.
        views: of each clip, all at the same frozen block; the first is the clip as it is.
        balance: (N,) how likely each is drawn.
        memory: how each person sounds; None = no baseline.
    """

    clips: list[Clip]
    views: list[list[View]]
    balance: Tensor
    memory: VoiceMemory | None


def fit_audio(
    config: AudioTraining,
    model: AudioModel,
    data: TrainingClips,
    judge: Callable[[AudioModel, VoiceMemory | None], dict[str, float]],
    log: JsonLog,
    state: Path,
) -> AudioModel:
    """Train; an interrupted run goes on from its last epoch.

    Args:
        config: the recipe.
        model: fresh.
        data: what is learned from.
        judge: figures on validation data; their sum chooses the epoch.
        log: gets a line for each epoch.
        state: file of an interrupted run.

    Returns:
        The moving average of the best epoch.
    """
    draws = Draws.seeded(config.seed)
    generator, memory = draws.generator, data.memory
    steps = len(data.clips) // config.batch
    if memory is not None and not state.is_file():
        first_memory(model, data)

    def batches(epoch: int) -> Iterator[tuple[list[int], list[int]]]:
        order = torch.multinomial(data.balance, steps * config.batch, replacement=True, generator=generator)
        for rows in order.split(config.batch):
            chosen = torch.randint(0, len(data.views[0]), (len(rows),), generator=generator)
            yield rows.tolist(), chosen.tolist()
        if memory is not None:
            memory.recentre()

    plan = EpochPlan(
        stage="audio",
        epochs=config.epochs,
        steps=config.epochs * steps,
        rates=[(model.encoder, config.rate), (model.peer, config.peer_rate)],
        weight_decay=config.weight_decay,
        average=config.average,
    )
    trained = train_epochs(
        _Remembering(model, memory),
        plan,
        draws,
        batches,
        lambda batch: _loss(config, model, data, *batch, generator),
        log,
        figures=lambda net: judge(net.model, memory),
        state=state,
        keep_best=True,
    )
    return trained.model


class _Remembering(nn.Module):
    """The network with the memory of its voices: what an interrupted training goes on with."""

    def __init__(self, model: AudioModel, memory: VoiceMemory | None) -> None:
        super().__init__()
        self.model, self.memory = model, memory


@torch.no_grad()
def first_memory(model: AudioModel, data: TrainingClips) -> None:
    """Fill the memory with the clips as they are, whatever the view."""
    assert data.memory is not None
    firsts = [views[0] for views in data.views]
    for row, found in enumerate(spoken_tokens(model, firsts)):
        for view in range(len(data.views[row])):
            data.memory.remember(row, view, found)
    data.memory.recentre()


@torch.no_grad()
def whole_memory(model: AudioModel, data: TrainingClips) -> None:
    """Fill the memory with every view of the clips."""
    assert data.memory is not None
    for view in range(len(data.views[0])):
        for row, found in enumerate(spoken_tokens(model, [views[view] for views in data.views])):
            data.memory.remember(row, view, found)
    data.memory.recentre()


@torch.no_grad()
def spoken_tokens(model: AudioModel, views: list[View]) -> list[Tensor]:
    """(T, D) tokens of each view's speech; all of them where there is none."""
    found: list[Tensor] = []
    for at in range(0, len(views), 16):
        some = views[at : at + 16]
        with torch.autocast(some[0].states.device.type, torch.bfloat16):
            tokens = model.tokens(some)
        found += [spoken_of(t, v) for t, v in zip(tokens, some, strict=True)]
    return found


def spoken_of(tokens: Tensor, view: View) -> Tensor:
    """Those of the (T, D) tokens that are speech; all where none is."""
    return tokens[view.spoken] if view.spoken.any() else tokens


def _loss(
    config: AudioTraining,
    model: AudioModel,
    data: TrainingClips,
    rows: list[int],
    chosen: list[int],
    generator: torch.Generator,
) -> Tensor:
    clips = [data.clips[row] for row in rows]
    views = [data.views[row][view] for row, view in zip(rows, chosen, strict=True)]
    with torch.autocast(views[0].states.device.type, torch.bfloat16):
        tokens = model.tokens(views)
    if data.memory is not None:
        for row, view, found, seen in zip(rows, chosen, tokens, views, strict=True):
            data.memory.remember(row, view, spoken_of(found, seen))
        tokens = [
            data.memory.draw(found, row, view, generator)
            for row, view, found in zip(rows, chosen, tokens, strict=True)
        ]
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
