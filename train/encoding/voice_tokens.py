"""Voices beside features: audio tokens of clips whose faces are known by features only.

The encoder is Whisper's lower half as released, without our adapters. Those were trained on the voices of
RAVDESS' training actors, so on them they are better than on anybody else, and a fusion that learns from them
would trust the voice too much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from core.encoders.audio import AudioEncoder
from core.encoders.silero import SileroVoice
from core.weights import file_sha256, find
from core.window import Tokens
from train.corpora.base import Example
from train.corpora.numeric import FeatureExample, VoicedExample, feature_tokens
from train.data.token_set import Timing, TokenSet
from train.encoding.features import Locate, encode_examples, utterance_tokens

TOKEN_S: Final = 0.5
"""Span of a token. A clip has 3 or 4 seconds of speech: a handful of tokens, which small data can bear."""


class EncodeVoices:
    """The speech of sound files as means over half seconds; bfloat16, which means over 25 positions bear."""

    timing: Timing = "timed"

    def __init__(self, locate: Locate) -> None:
        self._voice = SileroVoice(locate("silero-vad") / "silero_vad_16k_op15.onnx")
        self._encoder = AudioEncoder.published(locate("whisper-base"), both=False)

    @torch.no_grad()
    def __call__(self, examples: Sequence[Example]) -> list[Tokens]:
        """Tokens of each example."""
        voiced = [e for e in examples if isinstance(e, VoicedExample)]
        with torch.autocast("cpu", torch.bfloat16):
            return [slower(utterance_tokens(e.path, self._voice, self._encoder), TOKEN_S) for e in voiced]

    def content(self, example: Example) -> bytes:
        """The file's hash."""
        assert isinstance(example, VoicedExample)
        return file_sha256(example.path).encode()


def add_voice_tokens(
    name: str, examples: Sequence[FeatureExample], cache: Path, locate: Locate, *, quiet: bool = True
) -> TokenSet:
    """Tokens of examples that all have a sound file: voice and features. Sorted by split.

    Args:
        name: of the corpus.
        examples: at least one.
        cache: folder for the tokens of the voices.
        locate: finds third-party weights.
        quiet: no progress bar.

    Raises:
        SourceError: no example has features, or a sound file is damaged.
    """
    key = f"half seconds of {find('whisper-base').files[0].sha256}"
    heard = encode_examples(
        name, "audio", examples, cache, cache, lambda: EncodeVoices(locate), key=key, quiet=quiet
    )
    by_id = {example.id: example for example in examples}
    seen = feature_tokens([by_id[i] for i in heard.ids], "timed")
    return replace(seen, corpus=name, tokens={**heard.tokens, **seen.tokens})


def slower(tokens: Tokens, token_s: float) -> Tokens:
    """Means over spans of `token_s`, and the mean time of each; spans without a token are left out."""
    span = np.floor(tokens.times_s / token_s).astype(np.int64)
    starts = np.flatnonzero(np.diff(span, prepend=span[0] - 1))
    count = np.diff(np.append(starts, len(span)))
    values = np.add.reduceat(tokens.values, starts) / count[:, None]
    times_s = np.add.reduceat(tokens.times_s, starts) / count
    return Tokens(values.astype(np.float32), times_s.astype(np.float32))
