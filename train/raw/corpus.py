"""A corpus as raw input: what of each example is a picture, a wave form or a text.

Recordings are decoded once, into the cache, by the source that `replay` uses; everything else is read where
it lies. The text is what the corpus says was said: nobody recognises it here.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from rich.progress import track

from core.encoders.text_tokens import PieceTokenizer
from core.errors import SourceError
from core.inputs import SAMPLE_RATE
from core.labels import MODALITIES, Modality
from core.media.source import OpenRecording
from core.models.embeddings import RAW_WIDTHS
from core.window import Tokens
from train.corpora.base import ClipExample, Example, FaceExample, TextExample
from train.corpora.recordings import RecordingExample, parts_of
from train.data.token_set import TokenRows, TokenSet
from train.data.window_augmentation import SECONDS_PER_WORD
from train.raw.reading import RawStretch, read_stretches
from train.raw.rows import RawRow, RawRows, SoundFile, StillFrame, StoredFrames, StoredWave
from train.recordings.cache import place_of
from train.recordings.cutting import Job

VERSION: Final = "raw 1"
"""Counts changes of the reading that make older files of the cache useless."""


@dataclass(frozen=True, slots=True, eq=False)
class TextRow:
    """Word pieces of a text."""

    made: Tokens

    @property
    def length(self) -> int:
        """Number of pieces, both marks included."""
        return len(self.made)

    def tokens(self) -> Tokens:
        """(T, 1) ids."""
        return self.made


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """An example, or a part of a long one, with what it has."""

    example: Example
    rows: dict[Modality, RawRow]


def raw_set(
    name: str,
    examples: Sequence[Example],
    vocabulary: Path,
    cache: Path,
    open_recording: OpenRecording | None,
    *,
    quiet: bool = True,
) -> TokenSet:
    """Raw input of a corpus' examples.

    Args:
        name: of the corpus.
        examples: texts, pictures of faces, sound files or recordings.
        vocabulary: folder of the word pieces.
        cache: folder.
        open_recording: needed for recordings only.
        quiet: no progress bar.

    Raises:
        SourceError: a recording is absent or damaged, or nothing is in any example.
    """
    tokenizer = PieceTokenizer(vocabulary)
    recorded = [e for e in examples if isinstance(e, RecordingExample)]
    pieces = [_alone(e, tokenizer) for e in examples if not isinstance(e, RecordingExample)]
    if recorded:
        if open_recording is None:
            raise SourceError(
                "holds recordings, and nothing that opens them is here.",
                where=name,
                fix="Run it by the command `emotrack train`.",
            )
        pieces += _recorded(recorded, tokenizer, cache, open_recording, quiet=quiet)
    pieces = [piece for piece in pieces if piece.rows]
    if not pieces:
        raise SourceError("gives no raw input: its examples hold neither sound nor pictures.", where=name)
    kept = [piece.example for piece in pieces]
    tokens: dict[Modality, TokenRows] = {
        m: RawRows([piece.rows.get(m) for piece in pieces], RAW_WIDTHS[m])
        for m in MODALITIES
        if any(m in piece.rows for piece in pieces)
    }
    return TokenSet(
        name,
        tuple(e.id for e in kept),
        tuple(e.source for e in kept),
        tuple(str(e.split) for e in kept),
        np.stack([e.labels.target for e in kept]),
        np.stack([e.labels.available for e in kept]),
        tokens,
    ).with_scales([e.scales if isinstance(e, RecordingExample) else {} for e in kept])


def texts_of(examples: Sequence[Example]) -> list[str]:
    """What is said in examples, as far as the corpus tells."""
    return [e.text for e in examples if isinstance(e, TextExample | RecordingExample) and e.text]


def _alone(example: Example, tokenizer: PieceTokenizer) -> _Piece:
    """An example of one modality."""
    rows: dict[Modality, RawRow] = {}
    if isinstance(example, TextExample) and example.text.split():
        rows["text"] = _text(example.text, tokenizer, None)
    elif isinstance(example, FaceExample):
        rows["visual"] = StillFrame(example.image)
    elif isinstance(example, ClipExample):
        found = soundfile.info(example.path)
        samples = round(found.frames * SAMPLE_RATE / found.samplerate)
        if samples:
            rows["audio"] = SoundFile(example.path, samples)
    return _Piece(example, rows)


def _text(text: str, tokenizer: PieceTokenizer, length_s: float | None) -> TextRow:
    """Words at an even pace over the stretch, or at the mean pace of speech."""
    words = text.split()
    pace_s = SECONDS_PER_WORD if length_s is None else length_s / len(words)
    pieces = tokenizer.pieces(words, [(i + 0.5) * pace_s for i in range(len(words))])
    return TextRow(Tokens(pieces.ids.astype(np.float32)[:, None], pieces.times_s))


def _recorded(
    examples: Sequence[RecordingExample],
    tokenizer: PieceTokenizer,
    cache: Path,
    open_recording: OpenRecording,
    *,
    quiet: bool,
) -> list[_Piece]:
    groups: dict[Path, list[RecordingExample]] = defaultdict(list)
    for example in examples:
        groups[example.path].append(example)
    pieces = []
    for path, mine in track(groups.items(), "recordings", disable=quiet, transient=True):
        job = Job(path, tuple((e.t0_s, e.t1_s) for e in mine))
        try:
            stored = place_of(job, VERSION, cache)
        except OSError as error:
            raise SourceError(f"cannot be read ({error.strerror}).", where=str(path)) from error
        if not stored.is_file():
            _decode(job, stored, open_recording)
        pieces += _stored_pieces(stored, mine, tokenizer)
    return pieces


def _decode(job: Job, path: Path, open_recording: OpenRecording) -> None:
    """Read the stretches of a recording into one file, atomically; long ones in parts."""
    with open_recording(job.path) as recording:
        parts = [parts_of(*span, recording.duration_s) for span in job.spans]
        found = iter(read_stretches(recording, [part for several in parts for part in several]))
    arrays: dict[str, np.ndarray] = {"counts": np.array([len(several) for several in parts])}
    for row, several in enumerate(parts):
        for number in range(len(several)):
            arrays |= _arrays(f"{row}.{number}", next(found))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{os.getpid()}.{path.name}")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    os.replace(partial, path)


def _arrays(name: str, stretch: RawStretch) -> dict[str, np.ndarray]:
    heard = np.clip(np.rint(stretch.samples * 32_767), -32_767, 32_767).astype(np.int16)
    return {
        f"{name}.frames": stretch.frames,
        f"{name}.frame_times_s": stretch.frame_times_s,
        f"{name}.samples": heard,
        f"{name}.sizes": np.array([len(stretch.frames), len(heard)]),
    }


def _stored_pieces(
    path: Path, examples: Sequence[RecordingExample], tokenizer: PieceTokenizer
) -> list[_Piece]:
    pieces = []
    with np.load(path, allow_pickle=False) as data:
        for row, (example, count) in enumerate(zip(examples, data["counts"], strict=True)):
            for number in range(int(count)):
                name = f"{row}.{number}"
                frames, samples = (int(size) for size in data[f"{name}.sizes"])
                rows: dict[Modality, RawRow] = {}
                if example.text and example.text.split() and count == 1:
                    end_s = example.t1_s if example.t1_s is not None else None
                    length_s = None if end_s is None else end_s - example.t0_s
                    rows["text"] = _text(example.text, tokenizer, length_s)
                if samples:
                    rows["audio"] = StoredWave(path, name, samples)
                if frames:
                    rows["visual"] = StoredFrames(path, name)
                one = example if count == 1 else replace(example, id=f"{example.id}#{number}", text=None)
                pieces.append(_Piece(one, rows))
    return pieces
