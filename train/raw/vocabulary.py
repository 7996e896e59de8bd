"""Raw input of a preset: word pieces learned from the training texts alone, and the spec's encoders."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
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

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
"""Padding has the id 0; each text stands between the last two."""


def learn_vocabulary(texts: Iterable[str], size: int, folder: Path) -> Path:
    """Learn word pieces and write `tokenizer.json`, which `core.encoders.text_tokens` reads.

    Args:
        texts: of the training part; may be empty, then every word is unknown.
        size: at most so many pieces.
        folder: created if absent.

    Returns:
        The file.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=list(MARKS), show_progress=False, continuing_subword_prefix="##"
    )
    tokenizer.train_from_iterator(sorted(texts), trainer)
    end, begin = (MARKS.index(mark) for mark in ("[SEP]", "[CLS]"))  # special tokens come first, in order
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", end), ("[CLS]", begin))
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{FILE}.part"
    tokenizer.save(str(partial), pretty=False)
    os.replace(partial, folder / FILE)
    return folder / FILE


def vocabulary_size(folder: Path) -> int:
    """Number of pieces of the vocabulary in a folder."""
    from tokenizers import Tokenizer

    return int(Tokenizer.from_file(str(folder / FILE)).get_vocab_size())


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
