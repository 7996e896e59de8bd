"""Recordings: files with sound, pictures or both, in every usual format, damaged or not."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from core.errors import SourceError
from core.events import StreamInfo
from core.inputs import SAMPLE_RATE, SourceInput
from core.media.container import Kind, probe
from core.media.sound_tracks import speaking_track, tracks_sentence
from core.media.source import available_s
from core.media.stream_reader import NOUNS, SelectedStream, first_time_s, plan_times, read_audio, read_video
from core.media.timestamp_plan import TimestampPlan
from core.media.truncation import cut_short

_COUNT_FROM_ZERO: Final = ("matroska", "flv")
"""Formats whose duration is the time of their end, wherever they start."""


class RecordingSource:
    """Reads a recording once through, in stream time.

    Stream second 0 is the earliest start among the file's sound and pictures, and their distance is kept.
    Each stream is decoded from its own opening of the file: so however badly the file is interleaved, no
    more than one chunk and one picture wait in memory. `inputs` may be called again; it starts anew.

    Args:
        path: the file.
        audio_chunk_s: length of the audio chunks in seconds, > 0.
        video_max_side: larger pictures are scaled down to this many pixels on their longer side; None keeps
            them. Faces need no more.
        video_max_hz: pictures that come faster than this are left out before they are converted, which is
            most of their cost; None gives every picture.
        want_audio, want_video: what to read.

    Raises:
        SourceError: it is not a readable recording, or it holds nothing of what is wanted.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        audio_chunk_s: float = 0.1,
        video_max_side: int | None = 960,
        video_max_hz: float | None = None,
        want_audio: bool = True,
        want_video: bool = True,
    ) -> None:
        if audio_chunk_s <= 0 or not (want_audio or want_video):
            raise ValueError("audio_chunk_s must be above 0 and something must be wanted")
        self._path = Path(path)
        self._chunk_samples = max(1, round(audio_chunk_s * SAMPLE_RATE))
        self._video_max_side = video_max_side
        self._video_max_hz = video_max_hz
        self._closed = False
        self._running: list[Generator[SourceInput]] = []
        self.info = probe(self._path)
        self._sound_tracks = self.info.usable("audio")
        if want_audio and len(self._sound_tracks) > 1:
            self.info = self.info.using("audio", speaking_track(self._path, self._sound_tracks))
        self.name = self._path.name
        self.faults: list[str] = []

        selected = self._found()
        starts = [stream.start_s for stream in selected if stream.start_s is not None]
        wanted: dict[Kind, bool] = {"audio": want_audio, "video": want_video}
        self._selected = [stream for stream in selected if wanted[stream.kind]]
        self._complete = len(self._selected) == len(selected) and len(self._sound_tracks) < 2
        if not self._selected or not starts:
            raise self._nothing(found=bool(selected), wanted=wanted)
        self._zero_s = min(starts)
        self.duration_s = self._duration_s()
        self.streams: tuple[StreamInfo, ...] = tuple(
            StreamInfo(stream.kind, stream.kind) for stream in self._selected
        )

    def inputs(self) -> Iterator[SourceInput]:
        """Decode from the beginning. What is unreadable becomes a `Gap` and is told in `faults`."""
        self.faults.clear()
        self.faults.extend(
            f"The {stream.kind} stream cannot be used: {stream.problem}."
            for stream in self.info.streams
            if stream.problem
        )
        used = self.info.used("audio")
        if (
            any(stream.kind == "audio" for stream in self._selected)
            and len(self._sound_tracks) > 1
            and used is not None
        ):
            self.faults.append(tracks_sentence(self._sound_tracks, used))
        running = self._merged()
        self._running.append(running)
        return running

    def close(self) -> None:
        """End running iterations and release the file."""
        self._closed = True
        while self._running:
            # One that another thread is advancing at this moment ends itself at its next input.
            with contextlib.suppress(ValueError):
                self._running.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- opening ---

    def _found(self) -> list[SelectedStream]:
        """The file's usable streams, with the time of the first frame that can be decoded."""
        kinds: tuple[Kind, ...] = ("audio", "video")
        indices = {kind: index for kind in kinds if (index := self.info.used(kind)) is not None}
        self._indices = tuple(indices.values())
        plan = plan_times(self._path, self._indices, self._indices)
        with contextlib.closing(plan):
            selected = [
                SelectedStream(kind, index, first_time_s(self._path, index, plan))
                for kind, index in indices.items()
            ]
        self._announcement_fits = not plan.disbelieved
        return selected

    def _nothing(self, *, found: bool, wanted: dict[Kind, bool]) -> SourceError:
        where = self._path.name
        problems = [f"{stream.kind}: {stream.problem}" for stream in self.info.streams if stream.problem]
        if problems and not found:
            return SourceError(
                f"holds nothing that can be used ({'; '.join(problems)}).",
                where=where,
                fix="Export it again with usual settings, for instance 48000 Hz stereo and 1280x720.",
            )
        if found and self._selected:
            return SourceError(
                "has a header, but nothing of its content can be decoded.",
                where=where,
                fix="Copy or record it again.",
            )
        missing = " or ".join(NOUNS[kind] for kind, is_wanted in wanted.items() if is_wanted)
        return SourceError(f"has no {missing}.", where=where, fix="Choose a file that has.")

    def _duration_s(self) -> float | None:
        announced_s = self.info.duration_s if self._announcement_fits else None
        if announced_s is None or self.info.container not in _COUNT_FROM_ZERO:
            return announced_s
        return max(0.0, announced_s - max(0.0, self._zero_s))

    # --- reading ---

    def _merged(self) -> Generator[SourceInput]:
        if self._closed:
            return
        plan = plan_times(self._path, self._indices, [stream.index for stream in self._selected])
        readers = [self._reader(stream, plan) for stream in self._selected]
        try:
            reached_s = 0.0
            for item in heapq.merge(*readers, key=available_s):
                if self._closed:
                    return
                reached_s = max(reached_s, available_s(item))
                yield item
            if not plan.disbelieved:
                self._tell_of_early_end(reached_s)
        finally:
            plan.close()
            for reader in readers:
                reader.close()

    def _reader(self, stream: SelectedStream, plan: TimestampPlan) -> Generator[SourceInput]:
        if stream.kind == "audio":
            return read_audio(self._path, stream, plan, self._zero_s, self._chunk_samples, self.faults)
        return read_video(
            self._path, stream, plan, self._zero_s, self._video_max_side, self._video_max_hz, self.faults
        )

    def _tell_of_early_end(self, reached_s: float) -> None:
        sentence = cut_short(self._path)
        announced_s = self.duration_s if self._complete and self._announces() else None
        if (
            sentence is None
            and announced_s is not None
            and announced_s - reached_s > max(0.5, announced_s / 50)
        ):
            sentence = f"The recording ends at {reached_s:.2f} s, but the file announces {announced_s:.2f} s."
        if sentence is not None:
            self.faults.append(sentence)

    def _announces(self) -> bool:
        """Whether the duration comes from the file itself. Without a header it is a guess from the bit rate,
        and libav sets the start of an mp3 stream only if it has found one."""
        if self.info.container == "mp3":
            return self._zero_s > 0
        return self.info.container not in ("aac", "ac3", "amr")
