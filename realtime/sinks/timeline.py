"""`timeline.png`: the whole run as one picture, drawn when the run is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from core.errors import SinkError
from core.events import EmotionEstimate, Event, Hello, Status, Transcript, Utterance
from core.labels import MODALITIES
from realtime.sinks.base import unwritable


@dataclass
class Speech:
    """One utterance as the picture shows it: words and final labels are "" and empty until they are known."""

    person: str
    t0_s: float
    t1_s: float
    text: str = ""
    labels: tuple[str, ...] = ()


@dataclass
class Curve:
    """The rolling estimates of one person.

    Attributes:
        t_s: end of each window.
        probabilities: one row per estimate, one column per label.
        present: one row per estimate, one column per modality.
    """

    t_s: list[float] = field(default_factory=list)
    probabilities: list[tuple[float, ...]] = field(default_factory=list)
    present: list[tuple[bool, ...]] = field(default_factory=list)


@dataclass
class Story:
    """What the picture is drawn from. `troubles_s`: times of warnings and errors."""

    hello: Hello
    curves: dict[str, Curve] = field(default_factory=dict)
    speech: dict[str, Speech] = field(default_factory=dict)
    troubles_s: list[float] = field(default_factory=list)


class TimelineSink:
    """Collects the run in memory and draws `timeline.png` when it is closed.

    Args:
        folder: the run folder.

    Raises:
        SinkError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "timeline.png"
        self._story: Story | None = None
        self._closed = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(b"")  # better to fail now than after an hour
        except OSError as error:
            raise unwritable(self._path, error) from error

    def write(self, event: Event, seq: int) -> None:
        """Take one event into the story."""
        if isinstance(event, Hello):
            self._story = Story(event)
        elif self._story is not None:
            _tell(self._story, event)

    def close(self) -> None:
        """Draw. Closing again does nothing.

        Raises:
            SinkError: the picture cannot be written.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._story is None:
                self._path.unlink(missing_ok=True)  # the run never began
                return
            from realtime.sinks.timeline_figure import png

            self._path.write_bytes(png(self._story))
        except OSError as error:
            raise unwritable(self._path, error) from error
        except ImportError as error:
            raise SinkError(
                "cannot be drawn: matplotlib is not installed.",
                where=str(self._path),
                fix="Install it, or leave the timeline out.",
            ) from error


def _tell(story: Story, event: Event) -> None:
    match event:
        case EmotionEstimate(final=True, utterance=str(utterance)) if utterance in story.speech:
            story.speech[utterance].labels = ("not enough evidence",) if event.abstained else event.active
        case EmotionEstimate(final=False):
            curve = story.curves.setdefault(event.person, Curve())
            curve.t_s.append(event.t1_s)
            curve.probabilities.append(
                tuple(event.probabilities.get(label, 0.0) for label in story.hello.labels)
            )
            curve.present.append(tuple(modality in event.modalities for modality in MODALITIES))
        case Utterance():
            speech = story.speech.setdefault(event.id, Speech(event.person, event.t0_s, event.t1_s))
            speech.person, speech.t0_s, speech.t1_s = event.person, event.t0_s, event.t1_s
        case Transcript():
            speech = story.speech.setdefault(event.utterance, Speech(event.person, event.t0_s, event.t1_s))
            speech.person, speech.text = event.person, event.text
        case Status(level="warning" | "error"):
            story.troubles_s.append(event.t_s)
