"""How a recipe for voices does on people and corpora that it was not trained on.

Each corpus is left out in turn, or each fifth of the speakers; the recipe is trained on the rest, and judged
on what was left out, without history and with all other clips of the person as history. The temperature at
which an answer is as often right as it says is fitted on the other left-out parts, never on the part itself.

Legend: N clips, C labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from core.encoders.silero import SileroVoice
from core.errors import ConfigError
from train.corpora.base import Split, bucket
from train.encoders.audio import AudioTraining, learn_voices, live_views
from train.encoders.audio_data import Clip, View, read_clips
from train.encoders.audio_figures import corpus_uar, predict
from train.metrics import sure_statements, uar
from train.progress import JsonLog

Leave = Literal["corpora", "speakers"]

FOLDS: Final = 5
"""Of the speakers."""

SMALL: Final = ("korean", "indian")
"""Trained on, never left out: a hundred clips, and labels that are half noise."""

_RESAMPLES: Final = 500
_FEWEST_SOURCES: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """What a network said of clips that it had nothing to do with.

    Attributes:
        name: of the corpus.
        clips: N of them.
        logits: history ("none", "all") -> (N, C) of the peer.
    """

    name: str
    clips: Sequence[Clip]
    logits: dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one corpus with one amount of history.

    Attributes:
        corpus, history: which.
        n, speakers: how many were judged.
        labels: how many the corpus knows.
        uar, low, high: unweighted average recall and its 95 % interval over speakers, or over clips where
            there are fewer than four.
        constant: UAR of a predictor that always says the same.
        precision_at_90, n_at_90: see `train.metrics.figures`, at `temperature`; None where nothing is sure.
        temperature: fitted on the other corpora, 1 where there is no other.
    """

    corpus: str
    history: str
    n: int
    speakers: int
    labels: int
    uar: float
    low: float
    high: float
    constant: float
    precision_at_90: float | None
    n_at_90: int
    temperature: float


@dataclass(frozen=True, slots=True)
class Unseen:
    """The table.

    Attributes:
        leave: what was left out.
        rows: one for each corpus and amount of history.
        mean: history -> mean UAR over the corpora.
        temperature: fitted on all that was left out: what a checkpoint of this recipe should divide by.
    """

    leave: Leave
    rows: tuple[Row, ...]
    mean: dict[str, float]
    temperature: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def leave_of(text: str) -> Leave:
    """What somebody wrote. Raises ConfigError when it is neither corpora nor speakers."""
    for known in get_args(Leave):
        if text == known:
            return cast("Leave", known)
    raise ConfigError(f"{text!r} cannot be left out.", where="--leave", fix="Write corpora or speakers.")


def measure_unseen(
    config: AudioTraining,
    data: Path,
    out: Path,
    locate: Callable[[str], Path],
    *,
    leave: Leave = "corpora",
    only: Sequence[str] = (),
) -> Unseen:
    """Train the recipe once for each part that is left out.

    Args:
        config: the recipe; its temperature is not applied.
        data: folder of the corpora.
        out: for logs and states of interrupted trainings.
        locate: finds third-party weights.
        leave: whole corpora, or a fifth of all speakers at a time.
        only: corpora that are judged; none = all but those that are too small or too noisy to tell.

    Raises:
        ConfigError: there is nothing else to be trained on, or a corpus is not in the recipe.
        SourceError: a corpus is not there.
    """
    names = _judged_corpora(config, only)
    voice = SileroVoice(locate("silero-vad") / "silero_vad_16k_op15.onnx")
    limits = {name: use.limit for name, use in config.corpora.items()}
    clips = read_clips(data, limits, voice, config.vote_share, config.every)
    recipe = config.model_copy(update={"temperature": 1.0})
    views: dict[str, list[View]] = {}
    found: list[LeftOut] = []
    for name, chosen in _parts(clips, names, leave):
        found += _train_without(recipe, chosen, out / name.replace(" ", "_"), locate, views)
    return summarise(_joined(found, names), leave)


def summarise(parts: Sequence[LeftOut], leave: Leave) -> Unseen:
    """The table of what was left out."""
    rows = []
    for part in parts:
        others = [other for other in parts if other is not part]
        temperature = fit_temperature(others) if others else 1.0
        rows += [_row(part, history, temperature) for history in part.logits]
    histories = list(dict.fromkeys(row.history for row in rows))
    mean = {h: float(np.mean([row.uar for row in rows if row.history == h])) for h in histories}
    return Unseen(leave, tuple(rows), mean, fit_temperature(parts))


def fit_temperature(parts: Sequence[LeftOut]) -> float:
    """The one temperature with the least cross entropy; corpora and amounts of history count alike."""

    def loss(log_temperature: float) -> float:
        slope = np.exp(-log_temperature)
        losses = []
        for part in parts:
            target, known = _targets(part.clips)
            for logits in part.logits.values():
                z = slope * logits
                losses.append(float((np.logaddexp(0.0, z) - target * z)[known].mean()))
        return float(np.mean(losses))

    found = minimize_scalar(loss, bounds=(-1.5, 2.5), method="bounded")
    return round(float(np.exp(found.x)), 3)


def _judged_corpora(config: AudioTraining, only: Sequence[str]) -> list[str]:
    for name in only:
        if name not in config.corpora:
            raise ConfigError(
                f"the recipe has no corpus {name!r}.", fix=f"It has: {', '.join(config.corpora)}."
            )
    names = list(only) or [name for name in config.corpora if name not in SMALL]
    if len(config.corpora) < 2:
        raise ConfigError("Nothing is left to train on.", where="audio.corpora", fix="Name more corpora.")
    return names


def _parts(clips: Sequence[Clip], names: Sequence[str], leave: Leave) -> Iterator[tuple[str, list[Clip]]]:
    """Name of each part, and all clips with what is left out in the part "test"."""

    def divided(left_out: Callable[[Clip], bool]) -> list[Clip]:
        """Without the test speakers of what is not left out: they are not needed."""
        return [
            _as(clip, "test") if left_out(clip) else clip
            for clip in clips
            if left_out(clip) or clip.example.split != "test"
        ]

    if leave == "corpora":
        for name in names:
            yield name, divided(partial(_is_of, name))
        return
    for fold in range(FOLDS):
        yield f"fold {fold + 1}", divided(partial(_is_in, fold, names))


def _is_of(corpus: str, clip: Clip) -> bool:
    return clip.example.corpus == corpus


def _is_in(fold: int, names: Sequence[str], clip: Clip) -> bool:
    return clip.example.corpus in names and _fold(clip) == fold


def _fold(clip: Clip) -> int:
    return int(bucket(f"{clip.example.corpus} {clip.example.source}, fold") * FOLDS)


def _as(clip: Clip, split: Split) -> Clip:
    return replace(clip, example=replace(clip.example, split=split))


def _train_without(
    config: AudioTraining,
    clips: Sequence[Clip],
    out: Path,
    locate: Callable[[str], Path],
    views: dict[str, list[View]],
) -> list[LeftOut]:
    log, state = JsonLog(out / "audio_log.jsonl"), out / "audio_state.pt"
    model, voices = learn_voices(config, clips, locate("whisper-base"), log, state, views)
    state.unlink(missing_ok=True)
    found = []
    for corpus in dict.fromkeys(c.example.corpus for c in clips if c.example.split == "test"):
        chosen = [c for c in clips if c.example.split == "test" and c.example.corpus == corpus]
        held = live_views(model, chosen)
        logits = {"none": predict(model, held)}
        if config.baseline is not None:
            logits["all"] = predict(model, held, config.baseline.config(), voices)
        found.append(LeftOut(corpus, chosen, logits))
    return found


def _joined(parts: Sequence[LeftOut], names: Sequence[str]) -> list[LeftOut]:
    """One part for each corpus."""
    found = []
    for name in names:
        mine = [part for part in parts if part.name == name]
        if mine:
            logits = {h: np.concatenate([part.logits[h] for part in mine]) for h in mine[0].logits}
            found.append(LeftOut(name, [clip for part in mine for clip in part.clips], logits))
    return found


def _targets(clips: Sequence[Clip]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(N, C) labels as intended, and which are known."""
    return (
        np.stack([clip.example.labels.target for clip in clips]),
        np.stack([clip.example.labels.available for clip in clips]),
    )


def _row(part: LeftOut, history: str, temperature: float) -> Row:
    target, known = _targets(part.clips)
    logits = part.logits[history]
    sure = sure_statements(1.0 / (1.0 + np.exp(-logits / temperature)), target >= 0.5, known)
    low, high = _interval(part.clips, logits)
    labels = len(np.unique(target.argmax(axis=1)))
    return Row(
        corpus=part.name,
        history=history,
        n=len(part.clips),
        speakers=len({clip.example.source for clip in part.clips}),
        labels=labels,
        uar=corpus_uar(part.clips, logits),
        low=low,
        high=high,
        constant=1.0 / labels,
        precision_at_90=sure.get("precision_at_90"),
        n_at_90=int(sure["n_at_90"]),
        temperature=temperature,
    )


def _interval(clips: Sequence[Clip], logits: NDArray[np.float32]) -> tuple[float, float]:
    target, known = _targets(clips)
    truth, guess = target.argmax(axis=1), np.where(known, logits, -np.inf).argmax(axis=1)
    people = np.unique([clip.example.source for clip in clips], return_inverse=True)[1]
    if people.max() + 1 < _FEWEST_SOURCES:
        people = np.arange(len(clips))
    rows_of = [np.flatnonzero(people == person) for person in range(people.max() + 1)]
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(_RESAMPLES):
        rows = np.concatenate([rows_of[i] for i in rng.integers(0, len(rows_of), len(rows_of))])
        drawn.append(uar(truth[rows], guess[rows]))
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)
