"""From examples to token sets, by the frozen encoders of a checkpoint; cached chunk by chunk.

A chunk's file is named by the hash of what it was computed from: the encoder's weights and the content of
its examples. So an interrupted run goes on where it was, and nothing stale is ever used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch
from rich.progress import track

from core.encoders.audio import AudioEncoder
from core.encoders.crop_scaling import scale_crops
from core.encoders.log_mel import log_mel
from core.encoders.silero import SileroVoice
from core.encoders.text import TextEncoder
from core.encoders.text_tokens import PieceTokenizer, pad_pieces
from core.encoders.visual import ExpressionNet
from core.inputs import Samples
from core.labels import Modality
from core.weights import file_sha256
from core.window import Tokens
from train.corpora.base import ClipExample, Example, FaceExample, TextExample
from train.corpora.sound import read_samples, speech_span
from train.data.token_set import Ragged, Timing, TokenSet, load_tokens, save_tokens
from train.encoders.audio_data import cut
from train.encoders.face_augmentation import augment
from train.encoders.text_data import spoken

CHUNK: Final = 256
"""Examples per cached file."""

ENCODER_FILES: Final[dict[Modality, str]] = {
    "text": "text_adapter.safetensors",
    "audio": "audio_adapter.safetensors",
    "visual": "visual.safetensors",
}
"""Our own weights of each encoder beside a spec."""

Locate = Callable[[str], Path]
"""Name of a third-party weight -> its folder."""


class Encode(Protocol):
    """Turns examples of one modality into tokens."""

    timing: Timing

    def __call__(self, examples: Sequence[Example]) -> list[Tokens]:
        """Tokens of each example; at least one each."""
        ...

    def content(self, example: Example) -> bytes:
        """What the tokens of an example depend on."""
        ...


class EncodeTexts:
    """Texts to word pieces in order. Some training texts lose their punctuation, as when recognised."""

    timing: Timing = "ordered"

    def __init__(self, folder: Path, locate: Locate) -> None:
        self._tokenizer = PieceTokenizer(locate("minilm"))
        self._encoder = TextEncoder.load(locate("minilm"), folder)

    @torch.no_grad()
    def __call__(self, examples: Sequence[Example]) -> list[Tokens]:
        """Word pieces; times are numbers of words."""
        pieces = []
        for example in examples:
            words = self.text(example).split() or ["."]
            pieces.append(self._tokenizer.pieces(words, [float(i) for i in range(len(words))]))
        rough = all(e.split == "train" for e in examples)  # what is judged is computed as live
        order = np.argsort([len(p.ids) for p in pieces], kind="stable")
        result: list[Tokens | None] = [None] * len(pieces)
        for rows in np.array_split(order, max(1, len(order) // 32)):
            ids, mask = pad_pieces([pieces[i] for i in rows])
            with torch.autocast("cpu", torch.bfloat16, enabled=rough):
                values = self._encoder(torch.from_numpy(ids), torch.from_numpy(mask)).float().numpy()
            for value, i in zip(values, rows, strict=True):
                result[i] = Tokens(value[: len(pieces[i].ids)], pieces[i].times_s)
        return [tokens for tokens in result if tokens is not None]

    def content(self, example: Example) -> bytes:
        """The text."""
        return self.text(example).encode()

    def text(self, example: Example) -> str:
        """What is encoded."""
        assert isinstance(example, TextExample)
        plain = example.split == "train" and hashlib.sha256(example.text.encode()).digest()[0] < 96
        return spoken(example.text) if plain else example.text


class EncodeClips:
    """Recorded utterances to tokens at 10 Hz, cut on the live grid, speech only."""

    timing: Timing = "timed"

    def __init__(self, folder: Path, locate: Locate) -> None:
        self._voice = SileroVoice(locate("silero-vad") / "silero_vad_16k_op15.onnx")
        self._encoder = AudioEncoder.load(locate("whisper-base"), folder)

    @torch.no_grad()
    def __call__(self, examples: Sequence[Example]) -> list[Tokens]:
        """One token per 0.1 s of speech."""
        clips = [e for e in examples if isinstance(e, ClipExample)]
        return [utterance_tokens(clip.path, self._voice, self._encoder) for clip in clips]

    def content(self, example: Example) -> bytes:
        """The file's hash."""
        assert isinstance(example, ClipExample)
        return file_sha256(example.path).encode()


def utterance_tokens(path: Path, voice: SileroVoice, encoder: AudioEncoder) -> Tokens:
    """The speech of a sound file at 10 Hz, cut on the live grid; all of the file where no speech is found."""
    return speech_tokens(read_samples(path), voice, encoder)


def speech_tokens(samples: Samples, voice: SileroVoice, encoder: AudioEncoder) -> Tokens:
    """The same of (n,) float32 samples, mono at 16 kHz."""
    blocks = cut(samples, speech_span(samples, voice), 0)
    with torch.autocast("cpu", torch.bfloat16):  # as in training; each token is a mean of five positions
        values = encoder(torch.from_numpy(log_mel(blocks.samples))).float().flatten(0, 1).numpy()
    kept = blocks.spoken if blocks.spoken.any() else np.ones(len(values), np.bool_)
    return Tokens(values[kept], blocks.times_s[kept])


class EncodeFaces:
    """Face pictures to several looks: the picture as it is, then augmented ones."""

    timing: Timing = "views"

    def __init__(self, folder: Path, views: int) -> None:
        self._encoder = ExpressionNet.load(folder)
        self._views = views

    @torch.no_grad()
    def __call__(self, examples: Sequence[Example]) -> list[Tokens]:
        """`views` tokens per face; only one outside of the training part."""
        faces = [e for e in examples if isinstance(e, FaceExample)]
        pixels = torch.from_numpy(scale_crops(np.stack([e.image for e in faces])))
        looks = [self._encoder(pixels).numpy()]
        if all(e.split == "train" for e in faces):
            seed = int.from_bytes(hashlib.sha256(pixels.numpy().tobytes()).digest()[:6], "big")
            generator = torch.Generator().manual_seed(seed)
            looks += [self._encoder(augment(pixels, generator)).numpy() for _ in range(self._views - 1)]
        stacked = np.stack(looks, axis=1)  # (n, views, D)
        return [Tokens(row, np.zeros(len(row), np.float32)) for row in stacked]

    def content(self, example: Example) -> bytes:
        """The picture, and how often it is looked at."""
        assert isinstance(example, FaceExample)
        return example.image.tobytes() + str(self._views).encode()


def encoder_for(modality: Modality, folder: Path, locate: Locate, *, views: int = 3) -> Encode:
    """The encoder of a checkpoint (or of the first stage of training) for one modality.

    Args:
        modality: which.
        folder: holds the encoders' files.
        locate: finds third-party weights.
        views: looks at each face of a training part.
    """
    if modality == "text":
        return EncodeTexts(folder, locate)
    return EncodeClips(folder, locate) if modality == "audio" else EncodeFaces(folder, views)


def encode_examples(
    name: str,
    modality: Modality,
    examples: Sequence[Example],
    folder: Path,
    cache: Path,
    make: Callable[[], Encode],
    *,
    key: str | None = None,
    quiet: bool = True,
) -> TokenSet:
    """Encode examples of one corpus, or take them from the cache.

    Args:
        name, modality: of the corpus.
        examples: at least one, each of that modality.
        folder: holds the encoder's file, whose hash is part of the key.
        cache: folder for the chunks.
        make: builds the encoder.
        key: what the tokens depend on besides the examples; None = the encoder's file.
        quiet: no progress bar.
    """
    encode = make()
    key = key or file_sha256(folder / ENCODER_FILES[modality])
    chunks = _chunks(examples)
    parts = []
    for chunk in track(chunks, f"{name} tokens", disable=quiet, transient=True):
        digest = hashlib.sha256(key.encode())
        for example in chunk:
            digest.update(f"{example.id}\0{example.source}\0{example.split}\0".encode())
            digest.update(example.labels.target.tobytes() + example.labels.available.tobytes())
            digest.update(hashlib.sha256(encode.content(example)).digest())
        path = cache / name / f"{digest.hexdigest()[:24]}.npz"
        if not path.is_file():
            save_tokens(_token_set(name, modality, chunk, encode), path)
        parts.append(load_tokens(path))
    return join(parts)


def join(parts: Sequence[TokenSet]) -> TokenSet:
    """One token set out of several of the same corpus and modalities."""
    first = parts[0]
    tokens: dict[Modality, Ragged] = {}
    for modality in first.tokens:
        ragged = [rows for part in parts if isinstance(rows := part.tokens[modality], Ragged)]
        lengths = np.concatenate([r.lengths for r in ragged])
        tokens[modality] = Ragged(
            np.concatenate([r.values for r in ragged]),
            np.concatenate([r.times_s for r in ragged]),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            ragged[0].timing,
        )
    return TokenSet(
        first.corpus,
        tuple(i for part in parts for i in part.ids),
        tuple(s for part in parts for s in part.sources),
        tuple(s for part in parts for s in part.splits),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.known for part in parts]),
        dict(tokens),
    )


def _chunks(examples: Sequence[Example]) -> list[list[Example]]:
    """Runs of at most `CHUNK` examples of one split."""
    result = []
    for split in ("train", "validation", "test"):
        rows = [example for example in examples if example.split == split]
        result += [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]
    return result


def _token_set(name: str, modality: Modality, examples: Sequence[Example], encode: Encode) -> TokenSet:
    return TokenSet(
        name,
        tuple(e.id for e in examples),
        tuple(e.source for e in examples),
        tuple(str(e.split) for e in examples),
        np.stack([e.labels.target for e in examples]),
        np.stack([e.labels.available for e in examples]),
        {modality: Ragged.of(encode(examples), encode.timing)},
    )
