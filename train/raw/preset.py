"""Raw input of a whole preset: its vocabulary, and what the checkpoint's spec says of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.labels import MODALITIES, Modality
from core.models.embeddings import RAW_KINDS, RAW_WIDTHS
from core.models.raw.audio_patches import PATCH_S
from core.models.raw.tubelets import SIDE
from core.models.raw.word_pieces import FILE
from core.spec import EncoderSpec
from core.weights import file_sha256
from train.corpora.base import Example
from train.raw.corpus import texts_of
from train.raw.vocabulary import learn_vocabulary, vocabulary_size


def vocabulary_of(examples: Sequence[Example], size: int, cache: Path) -> Path:
    """The folder of the word pieces of the training texts among `examples`; learned if it is not there.

    Its name is the hash of what it was learned from, so that it is never stale.
    """
    texts = sorted(texts_of([e for e in examples if e.split == "train"]))
    digest = hashlib.sha256("\0".join([str(size), *texts]).encode()).hexdigest()
    folder = cache / "vocabularies" / digest[:24]
    if not (folder / FILE).is_file():
        learn_vocabulary(texts, size, folder)
    return folder


def raw_specs(lengths: Mapping[Modality, int], vocabulary: Path) -> dict[Modality, EncoderSpec]:
    """One entry for each modality of a checkpoint that takes raw input.

    Args:
        lengths: tokens in a window.
        vocabulary: folder of the word pieces.
    """
    options: dict[Modality, dict[str, float]] = {
        "text": {"vocabulary": float(vocabulary_size(vocabulary))},
        "audio": {"patch_s": PATCH_S},
        "visual": {"side": float(SIDE)},
    }
    return {
        m: EncoderSpec(
            kind=RAW_KINDS[m],
            weight=None,
            weight_sha256=None,
            files={FILE: file_sha256(vocabulary / FILE)} if m == "text" else {},
            width=RAW_WIDTHS[m],
            max_tokens=lengths[m],
            options=options[m],
        )
        for m in MODALITIES
    }
