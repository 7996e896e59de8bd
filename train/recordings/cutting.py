"""One piece of work: the windows of all labelled stretches of one recording. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.errors import EmotrackError, ModelError, SourceError
from core.labels import Modality
from core.spec import read_spec
from core.window import Tokens, Window
from train.corpora.media_cutter import Cutter, Stretch
from train.corpora.recordings import parts_of
from train.recordings.stages import StageLoader

if TYPE_CHECKING:
    from core.workers.loading import LoadedStages

Span = tuple[float, float | None]
"""A stretch in seconds of its recording; None = up to the end."""

TokensOfPart = dict[Modality, Tokens]
"""Tokens of one window; empty where nothing was heard, seen or understood."""


@dataclass(frozen=True, slots=True)
class Job:
    """A recording and what to cut of it."""

    path: Path
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """What came of a job: for each span its windows (several if it is long), or why there are none."""

    spans: tuple[tuple[TokensOfPart, ...] | str, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Nothing could be made of the recording as a whole."""

    reason: str


Result = Cut | Unreadable


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that another process needs to cut as this one would. Can be pickled.

    Attributes:
        stages: loads the stages.
        checkpoint: whose encoders give the tokens.
        whisper, language: of the recogniser.
    """

    stages: StageLoader
    checkpoint: Path
    whisper: str
    language: str | None

    def load(self) -> Knife:
        """Load everything. Raises what `core.workers.loading.load_stages` raises."""
        return Knife(self.stages.load(self.checkpoint, self.whisper, self.language), self.checkpoint)


class Runner(Protocol):
    """Works off jobs, wherever."""

    def __call__(self, recipe: Recipe, jobs: list[Job]) -> Iterator[tuple[int, Result]]:
        """Number of a job and its result, in any order, each as soon as it is there."""
        ...


class Knife:
    """Works off one job after the other."""

    def __init__(self, stages: LoadedStages, checkpoint: Path) -> None:
        self._stages = stages
        self._cutter = Cutter(
            stages.open_recording, stages.workers, read_spec(checkpoint), voice=stages.voice
        )

    def __call__(self, job: Job) -> Result:
        """Cut the spans of one recording."""
        try:
            with self._stages.open_recording(job.path) as recording:
                duration_s = recording.duration_s
            parts = [parts_of(*span, duration_s) for span in job.spans]
            stretches = [Stretch(t0_s, t1_s, "") for spans in parts for t0_s, t1_s in spans]
            windows = iter(self._cutter.cut_each(job.path, stretches))
        except (SourceError, ModelError) as error:
            return Unreadable(_reason(error))
        return Cut(tuple(_tokens([next(windows) for _ in spans]) for spans in parts))


def _tokens(windows: list[Window | SourceError]) -> tuple[TokensOfPart, ...] | str:
    found: list[TokensOfPart] = []
    for window in windows:
        if isinstance(window, SourceError):
            return _reason(window)
        found.append(window.tokens)
    return tuple(found)


def _reason(error: EmotrackError) -> str:
    """Without the place, which whoever tells it knows better."""
    return f"{error.what} {error.fix}" if error.fix else error.what
