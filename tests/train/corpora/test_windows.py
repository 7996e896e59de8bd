from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.window import Tokens, Window
from train.corpora.base import Labels
from train.corpora.media_cutter import Cutter, Stretch
from train.corpora.numeric import feature_tokens
from train.corpora.recordings import RecordingExample
from train.corpora.windows import by_recording, cut_recording


class ScriptedCutter(Cutter):
    """Finds one audio token per second, and nothing in stretches that begin at second 5."""

    def __init__(self) -> None:
        pass

    def cut(self, path: Path, stretches: Sequence[Stretch]) -> list[Window]:
        windows = []
        for stretch in stretches:
            count = 0 if stretch.t0_s == 5 else int((stretch.t1_s or 0) - stretch.t0_s)
            times_s = np.arange(count, dtype=np.float32)
            tokens = {"audio": Tokens(times_s[:, None], times_s)} if count else {}
            windows.append(Window(stretch.speaker, stretch.t0_s, stretch.t1_s or 0, tokens))
        return windows


def example(name: str, path: str, t0_s: float, t1_s: float) -> RecordingExample:
    labels = Labels(np.full(7, 0.5, np.float32), np.ones(7, np.bool_))
    return RecordingExample(name, "mine", "anna", "test", labels, Path(path), t0_s, t1_s, "anna")


def test_examples_are_gathered_by_recording_and_long_ones_cut_up() -> None:
    groups = by_recording([example("a", "x", 0, 3), example("b", "y", 0, 30), example("c", "x", 5, 6)])
    assert [e.id for e in groups[Path("x")]] == ["a", "c"]
    assert [e.id for e in groups[Path("y")]] == ["b#0", "b#1", "b#2"]


def test_windows_keep_the_labels_of_their_examples_and_empty_ones_are_left_out() -> None:
    cut = cut_recording(ScriptedCutter(), [example("a", "x", 0, 3), example("c", "x", 5, 6)])
    assert [(e.id, e.source, e.split) for e in cut] == [("a", "anna", "test")]
    tokens = feature_tokens(cut, "timed")
    assert tokens.tokens["audio"].lengths.tolist() == [3]
    assert tokens.targets.tolist() == [[0.5] * 7]
