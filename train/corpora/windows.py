"""Labelled windows out of labelled recordings: what the cutter cut, with the labels that go with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from train.corpora.media_cutter import Cutter, Stretch
from train.corpora.numeric import FeatureExample
from train.corpora.recordings import RecordingExample, pieces


def by_recording(examples: Iterable[RecordingExample]) -> dict[Path, list[RecordingExample]]:
    """Recording -> its examples, long ones in pieces: each recording is a piece of work of its own."""
    groups: dict[Path, list[RecordingExample]] = defaultdict(list)
    for example in examples:
        groups[example.path] += pieces(example)
    return dict(groups)


def cut_recording(cutter: Cutter, examples: Sequence[RecordingExample]) -> list[FeatureExample]:
    """Cut the examples of one recording.

    Args:
        cutter: runs the live stages.
        examples: at least one, all of the same recording, none longer than the cutter takes.

    Returns:
        Timed tokens with the examples' ids, sources, splits and labels. An example of which nothing was
        heard, seen or understood is left out.

    Raises:
        SourceError, ModelError: see `Cutter.cut`.
    """
    stretches = [Stretch(e.t0_s, e.t1_s, e.speaker) for e in examples]
    windows = cutter.cut(examples[0].path, stretches)
    return [
        FeatureExample(
            id=example.id,
            corpus=example.corpus,
            source=example.source,
            split=example.split,
            labels=example.labels,
            tokens=window.tokens,
            text=example.text,
            scales=example.scales,
        )
        for example, window in zip(examples, windows, strict=True)
        if window.tokens
    ]
