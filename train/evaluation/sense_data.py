"""Examples of one modality out of any folder that has some, for `train.evaluation.sense`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import EmotrackError, SourceError
from core.labels import Modality
from train.corpora.base import ClipExample, Example, TextExample, bucket
from train.corpora.directory import NAME as DIRECTORY
from train.corpora.label_space import LabelSpace
from train.corpora.label_table import TABLE
from train.corpora.recordings import RecordingExample
from train.corpora.registry import CORPORA, ReadOptions, read_corpus
from train.data.token_set import TokenSet
from train.encoding.corpus import EncodingContext
from train.encoding.features import Encode, encode_examples, encoder_for
from train.metrics import single_answers

_FORMS: Final[dict[Modality, str]] = {"text": "texts", "audio": "clips", "visual": "faces"}


def read_examples(
    modality: Modality,
    folder: Path,
    labels: Sequence[str],
    context: EncodingContext,
    per_label: int,
    *,
    quiet: bool = True,
) -> TokenSet:
    """Encode some examples of each label: of the test part if there is one, else of everything.

    Args:
        modality: which.
        folder: of a corpus that has it alone, or with a table `labels.csv`: its sounds, or its texts.
        labels: of the checkpoint.
        context: what turns examples into tokens.
        per_label: at most so many, chosen by a hash of their names, among those with that label alone.
        quiet: no progress bars.

    Raises:
        SourceError: nothing of that modality is there.
    """
    name, examples = _find(modality, folder, LabelSpace(tuple(labels)))
    tested = [e for e in examples if e.split == "test"] or list(examples)
    answers = single_answers(
        np.stack([e.labels.target for e in tested]), np.stack([e.labels.available for e in tested])
    )
    kept: list[Example] = []
    for label in range(len(labels)):
        rows = [e for e, answer in zip(tested, answers, strict=True) if answer == label]
        kept += sorted(rows, key=lambda e: bucket(e.id))[:per_label]
    if not kept:
        raise SourceError("holds no example with one label alone.", where=str(folder))
    kept = [replace(e, split="test") for e in kept]

    def make() -> Encode:
        return encoder_for(modality, context.encoders, context.locate)

    return encode_examples(
        f"sense_{name}",
        modality,
        kept,
        context.encoders,
        context.cache,
        make,
        quiet=quiet,
    )


def _find(modality: Modality, folder: Path, space: LabelSpace) -> tuple[str, Sequence[Example]]:
    """Name and examples of the first corpus that the folder holds."""
    if (folder / TABLE).is_file():
        options = ReadOptions(space=space, whole=True, lenient=True, shared_speakers=True)
        rows = [e for e in read_corpus(DIRECTORY, folder, options) if isinstance(e, RecordingExample)]
        return DIRECTORY, _of_recordings(modality, rows, folder)
    for name, corpus in CORPORA.items():
        if corpus.form == _FORMS[modality]:
            try:
                return name, read_corpus(name, folder, ReadOptions(space=space))
            except EmotrackError:
                continue  # another corpus' folder
    known = ", ".join(name for name, corpus in CORPORA.items() if corpus.form == _FORMS[modality])
    raise SourceError(
        f"holds no corpus of {modality}.", where=str(folder), fix=f"Known: {known}, or a table {TABLE}."
    )


def _of_recordings(modality: Modality, rows: Sequence[RecordingExample], folder: Path) -> list[Example]:
    if modality == "audio":
        return [
            ClipExample(r.id, r.corpus, r.source, r.split, r.labels, r.path, "")
            for r in rows
            if r.path.is_file()
        ]
    if modality == "text":
        return [TextExample(r.id, r.corpus, r.source, r.split, r.labels, r.text) for r in rows if r.text]
    raise SourceError(
        "is a table of recordings; faces are read from a corpus of face pictures.",
        where=str(folder),
        fix="Name the folder of ferplus.",
    )
