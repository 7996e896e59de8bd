"""Trains the audio peer, and where wanted adapters of the truncated Whisper encoder, on acted speech.

The first blocks stay as released; what they make of several augmented views of each clip is computed once.
The adapters of the remaining blocks, if any, and the peer's attention are trained on these views. Then the
peer's linear reading of the tokens' moments is solved, and the tokens are centred on the mean of all voices.

Legend: N clips, T tokens, D = 1024, C = 7 labels.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.encoders import audio as audio_encoder
from core.encoders.log_mel import BLOCK_SAMPLES
from core.encoders.silero import SileroVoice
from core.encoders.weight_files import write_tensors
from core.inputs import SAMPLE_RATE
from train.encoders.audio_data import Clip, View, read_clips, view_of
from train.encoders.audio_figures import Held, audio_figures
from train.encoders.audio_fitting import TrainingClips, fit_audio, spoken_tokens, whole_memory
from train.encoders.audio_recipe import AudioModel, AudioTraining, VoiceBaseline, VoiceCorpus
from train.encoders.moment_readout import solve_statistics
from train.encoders.peer_training import set_statistics
from train.encoders.voice_memory import VoiceMemory, Voices
from train.optim import device_of
from train.progress import JsonLog

__all__ = ["AudioTraining", "VoiceBaseline", "VoiceCorpus", "learn_voices", "train_audio"]


def train_audio(config: AudioTraining, data: Path, weights: Path, voice: Path, out: Path) -> dict[str, float]:
    """Train on corpora of speech, write `audio_adapter.safetensors` and `peer_audio.safetensors` to `out`.

    Args:
        config: the recipe.
        data: folder with its corpora and `cremad_votes`.
        weights: folder of Whisper base (CTranslate2).
        voice: file of the Silero network.
        out: where to write.

    Returns:
        Unweighted average recall per corpus on validation and test speakers.
    """
    log = JsonLog(out / "audio_log.jsonl")
    limits = {name: use.limit for name, use in config.corpora.items()}
    clips = read_clips(data, limits, SileroVoice(voice), config.vote_share, config.every)
    model, voices = learn_voices(config, clips, weights, log, out / "audio_state.pt")
    baseline = None if config.baseline is None else config.baseline.config()
    figures: dict[str, float] = {}
    for split in ("validation", "test"):
        held = live_views(model, [clip for clip in clips if clip.example.split == split])
        figures |= audio_figures(model, held, split, baseline, voices)
    log.write(stage="figures", **figures)
    _standardise_tokens(model, voices)
    write_tensors(model.encoder.adapters(), out / audio_encoder.FILE)
    write_tensors(model.peer.state_dict(), out / "peer_audio.safetensors")
    (out / "audio_state.pt").unlink(missing_ok=True)  # done: the next run starts afresh
    return figures


def learn_voices(
    config: AudioTraining,
    clips: Sequence[Clip],
    weights: Path,
    log: JsonLog,
    state: Path,
    known_views: dict[str, list[View]] | None = None,
) -> tuple[AudioModel, Voices]:
    """Train encoder and peer on the training clips; the validation clips choose the epoch.

    Args:
        config: the recipe.
        clips: of all parts.
        weights: folder of Whisper base.
        log, state: of the run.
        known_views: corpus and id of a clip -> its views, from and for other trainings with this recipe.

    Returns:
        The model, and all voices on the whole; unknown without a baseline, because nothing needs them then.
    """
    torch.manual_seed(config.seed)
    model = AudioModel(weights, config).to(device_of(config.device))
    train = [clip for clip in clips if clip.example.split == "train"]
    adapting = [clip for clip in train if config.corpora[clip.example.corpus].adapts]
    rng = np.random.default_rng(config.seed)
    known = {} if known_views is None else known_views
    data = _training_clips(config, adapting, model, config.views, rng, known)
    held = live_views(model, [clip for clip in clips if clip.example.split == "validation"])
    log.write(stage="views", train=len(adapting), validation=len(held))
    baseline = None if config.baseline is None else config.baseline.config()
    if model.peer.statistics is not None:
        set_statistics(model.peer, torch.cat(spoken_tokens(model, [views[0] for views in data.views])))

    def judge(now: AudioModel, memory: VoiceMemory | None) -> dict[str, float]:
        return audio_figures(now, held, "validation", baseline, None if memory is None else memory.voices)

    model = fit_audio(config, model, data, judge, log, state)
    return model, read_voices(config, model, train, rng, known)


def read_voices(
    config: AudioTraining,
    model: AudioModel,
    train: Sequence[Clip],
    rng: np.random.Generator,
    known_views: dict[str, list[View]],
) -> Voices:
    """Solve the linear reading on all training clips, and divide by the temperature.

    Returns:
        All voices on the whole to the network as it is now; unknown without a baseline.
    """
    data = _training_clips(config, train, model, config.read_views, rng, known_views)
    if data.memory is not None:
        whole_memory(model, data)
    if model.peer.statistics is not None:
        _add_statistics(config, model, data, rng)
    _soften(config, model)
    return Voices.unknown(audio_encoder.WIDTH) if data.memory is None else data.memory.voices


def _training_clips(
    config: AudioTraining,
    clips: Sequence[Clip],
    model: AudioModel,
    count: int,
    rng: np.random.Generator,
    known_views: dict[str, list[View]],
) -> TrainingClips:
    """Clips with so many views, and an empty memory where the recipe has a baseline."""
    step = round(config.block_s * SAMPLE_RATE)
    views = []
    for clip in clips:
        name = f"{clip.example.corpus} {clip.example.id}"
        if len(known_views.get(name, ())) < count:
            known_views[name] = _views(clip, model, step, count, rng)
        views.append(known_views[name][:count])
    balance = _balance(config, clips)
    memory = None
    if config.baseline is not None:
        people = [f"{clip.example.corpus} {clip.example.source}" for clip in clips]
        memory = VoiceMemory(people, count, audio_encoder.WIDTH, config.baseline.config(), balance)
        memory.to(device_of(config.device))
    return TrainingClips(list(clips), views, balance, memory)


def live_views(model: AudioModel, clips: Sequence[Clip]) -> Held:
    """Views as the live loop would have them."""
    return [(clip, view_of(clip, model.encoder, model.frozen, BLOCK_SAMPLES)) for clip in clips]


def _views(clip: Clip, model: AudioModel, step: int, count: int, rng: np.random.Generator) -> list[View]:
    """The clip as it is, then changed ones; in each view, all clips of a person are in one place."""
    found = [view_of(clip, model.encoder, model.frozen, step)]
    for number in range(1, count):
        seed = zlib.crc32(f"{clip.example.corpus} {clip.example.source} {number}".encode())
        found.append(view_of(clip, model.encoder, model.frozen, step, rng, seed))
    return found


def _balance(config: AudioTraining, train: Sequence[Clip]) -> Tensor:
    """(N,) how likely each clip is drawn; sums to N. A corpus counts by the root of its size."""
    names = np.array([clip.example.corpus for clip in train])
    classes = np.array([clip.example.labels.target.argmax() for clip in train])
    weight = np.zeros(len(train))
    for name in np.unique(names):
        rows = names == name
        counts = np.bincount(classes[rows])
        share = 1.0 / counts[classes[rows]] / len(np.unique(classes[rows]))
        weight[rows] = share * np.sqrt(rows.sum()) * config.corpora[str(name)].weight
    return torch.from_numpy(weight / weight.sum() * len(train)).float()


def _add_statistics(
    config: AudioTraining, model: AudioModel, data: TrainingClips, rng: np.random.Generator
) -> None:
    """Solve the linear reading of whole clips with no, some and all history; attention keeps its share."""
    runs: list[Tensor] = []
    generator = torch.Generator().manual_seed(config.seed)
    for view in range(config.read_views):
        tokens = spoken_tokens(model, [views[view] for views in data.views])
        runs += tokens
        if data.memory is not None:
            runs += [data.memory.draw(t, row, view, generator) for row, t in enumerate(tokens)]
            runs += [data.memory.whole(t, row, view) for row, t in enumerate(tokens)]
    times = len(runs) // len(data.clips)
    solve_statistics(
        model.peer,
        runs,
        np.tile(np.stack([clip.target for clip in data.clips]), (times, 1)),
        np.tile(np.stack([clip.example.labels.available for clip in data.clips]), (times, 1)),
        np.tile(data.balance.numpy(), times),
        strength=config.strength,
        parts=config.parts,
        rng=rng,
    )
    with torch.no_grad():
        model.peer.head.weight.mul_(config.share)
        model.peer.head.bias.mul_(config.share)


@torch.no_grad()
def _soften(config: AudioTraining, model: AudioModel) -> None:
    """Divide the peer's logits by the temperature."""
    linears = [model.peer.head]
    if model.peer.statistics is not None:
        linears.append(model.peer.statistics.linear)
    for linear in linears:
        linear.weight.div_(config.temperature)
        linear.bias.div_(config.temperature)


@torch.no_grad()
def _standardise_tokens(model: AudioModel, voices: Voices) -> None:
    """Let mean and deviation of all voices be 0 and 1, as a baseline takes them to be.

    The peer says what it said before.
    """
    encoder, peer = model.encoder, model.peer
    norms = [norm for norm in (encoder.lower_norm, encoder.norm) if norm is not None]
    width = audio_encoder.STATE_WIDTH
    for norm, centre, deviation in zip(
        norms, voices.centre.split(width), voices.deviation.split(width), strict=True
    ):
        norm.weight.div_(deviation)
        norm.bias.sub_(centre).div_(deviation)
    peer.input_mean.sub_(voices.centre).div_(voices.deviation)
    peer.input_scale.mul_(voices.deviation)
