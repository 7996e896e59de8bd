"""The sound of labelled stretches of recordings alone: no words are recognised, no faces looked for.

Hundreds of clips then take a minute. Cut and encoded as corpora of sound files are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Final

import soundfile
import torch

from core.encoders.audio import AudioEncoder
from core.encoders.silero import SileroVoice
from core.errors import SourceError
from core.inputs import SAMPLE_RATE, Samples
from core.media.source import Recording
from core.weights import file_sha256
from core.window import Tokens
from train.corpora.base import Example
from train.corpora.recordings import RecordingExample, parts_of
from train.corpora.sound import read_samples
from train.data.token_set import Timing, TokenSet
from train.encoding.features import Locate, encode_examples, speech_tokens
from train.raw.reading import read_stretches

Open = Callable[[Path], AbstractContextManager[Recording]]

_LONGEST_S: Final = 12.0
"""No live window is longer; a longer stretch gives several examples."""


def encode_sound(
    name: str,
    examples: Sequence[RecordingExample],
    folder: Path,
    cache: Path,
    locate: Locate,
    opened: Open | None,
    *,
    quiet: bool = True,
) -> TokenSet:
    """Audio tokens of stretches of recordings.

    Args:
        name: of the corpus.
        examples: at least one.
        folder: holds the encoder's file.
        cache: for the tokens.
        locate: finds third-party weights.
        opened: opens what is no plain sound file; None = only sound files can be read.
        quiet: no progress bar.

    Raises:
        SourceError: a recording cannot be read, or ends before its stretch begins.
    """
    parts = [part for example in examples for part in _parts(example)]
    scales = {part.id: part.scales for part in parts}
    found = encode_examples(
        name, "audio", parts, folder, cache, lambda: EncodeStretches(folder, locate, opened), quiet=quiet
    )
    return found.with_scales([scales[i] for i in found.ids])


class EncodeStretches:
    """Stretches of recordings to tokens at 10 Hz, speech only.

    Args:
        folder, locate, opened: as for `encode_sound`.
    """

    timing: Timing = "timed"

    def __init__(self, folder: Path, locate: Locate, opened: Open | None) -> None:
        self._voice = SileroVoice(locate("silero-vad") / "silero_vad_16k_op15.onnx")
        self._encoder = AudioEncoder.load(locate("whisper-base"), folder)
        self._opened = opened

    @torch.no_grad()
    def __call__(self, examples: Sequence[Example]) -> list[Tokens]:
        """One token per 0.1 s of speech."""
        return [speech_tokens(self._samples(example), self._voice, self._encoder) for example in examples]

    def content(self, example: Example) -> bytes:
        """The file's hash, and the stretch."""
        assert isinstance(example, RecordingExample)
        return f"{file_sha256(example.path)} {example.t0_s} {example.t1_s}".encode()

    def _samples(self, example: Example) -> Samples:
        assert isinstance(example, RecordingExample)
        if _is_sound(example.path) or self._opened is None:
            whole = read_samples(example.path)
            end = None if example.t1_s is None else round(example.t1_s * SAMPLE_RATE)
            samples = whole[round(example.t0_s * SAMPLE_RATE) : end]
        else:
            with self._opened(example.path) as recording:
                samples = read_stretches(recording, [(example.t0_s, example.t1_s)])[0].samples
        if len(samples) < SAMPLE_RATE // 10:
            raise SourceError(f"has no sound from {example.t0_s:g} s on.", where=str(example.path))
        return samples


def _parts(example: RecordingExample) -> list[RecordingExample]:
    """The stretch, or its parts where it is longer than any window."""
    duration_s = soundfile.info(example.path).duration if _is_sound(example.path) else None
    spans = parts_of(example.t0_s, example.t1_s, duration_s, _LONGEST_S)
    if len(spans) == 1:
        return [example]
    return [
        replace(example, id=f"{example.id}#{number}", t0_s=t0_s, t1_s=t1_s)
        for number, (t0_s, t1_s) in enumerate(spans)
    ]


def _is_sound(path: Path) -> bool:
    try:
        soundfile.info(path)
    except (OSError, soundfile.LibsndfileError):
        return False
    return True
