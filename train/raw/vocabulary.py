"""A vocabulary of word pieces, learned from the training texts alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from core.models.raw.word_pieces import FILE

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
