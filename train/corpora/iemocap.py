"""IEMOCAP: ten actors in dialogues of two, several annotators each (Busso et al. 2008; signed licence).

The authors' release: `SessionN/dialog/EmoEvaluation/*.txt` with blocks like

    [6.2901 - 8.2357]	Ses01F_impro01_F000	neu	[2.5000, 2.5000, 2.5000]
    C-E2:	Neutral;	()
    C-E3:	Anger; Frustration;	()
    C-F1:	Neutral;	()
    A-E3:	val 3; act 2; dom  2;	()

`SessionN/dialog/transcriptions/*.txt` with `Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.`, and
`SessionN/sentences/wav/DIALOGUE/UTTERANCE.wav`.

A label is the share of the evaluators (C-E) who chose it, each as many as he liked: several labels, soft.
What actors said of themselves (C-F, C-M) is not used. The source is the session: its two speakers are in no
other. Splits leave sessions out. The videos show two people side by side and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from core.errors import ConfigError, SourceError
from train.corpora.base import Split, assert_disjoint, existing
from train.corpora.label_space import DEFAULT, OWN_LABELS, LabelSpace, translated
from train.corpora.recordings import RecordingExample
from train.corpora.tables import lines_of

NAME: Final = "iemocap"
_SESSIONS: Final = 5
_HEAD: Final = re.compile(r"\[([\d.]+) - ([\d.]+)\]\s+(\S+)\s+(\S+)\s+\[")
_CHOICE: Final = re.compile(r"C-E\d+:\s*([^()]*)")
_RATING: Final = re.compile(r"A-E\d+:\s*val\s+(\d+);\s*act\s+(\d+);")
_SPOKEN: Final = re.compile(r"(Ses\S+)\s+\[[^\]]*\]:\s*(.*)")


@dataclass(slots=True)
class _Block:
    """What the evaluators said of one utterance."""

    utterance: str
    choices: list[list[str]] = field(default_factory=list)
    valence: list[int] = field(default_factory=list)
    arousal: list[int] = field(default_factory=list)


def read(
    folder: Path, *, test_session: int = 5, space: LabelSpace = DEFAULT, lenient: bool = False
) -> list[RecordingExample]:
    """Read every session below `folder`; nothing is decoded.

    Args:
        folder: holds `Session1` and so on.
        test_session: the one that is the test part; the one before it (5 before 1) is for validation.
        space: labels of the targets.
        lenient: recordings may be missing.

    Raises:
        SourceError: there is no session, or a recording is missing.
        ConfigError: there is no such session, or an annotator's label is none of IEMOCAP's.
    """
    if not 1 <= test_session <= _SESSIONS:
        raise ConfigError(f"test_session is {test_session}: IEMOCAP has sessions 1 to {_SESSIONS}.")
    examples = []
    for evaluation in existing(folder, "**/Session[1-5]/dialog/EmoEvaluation/*.txt"):
        if evaluation.name.startswith("."):  # shadows of a macOS archive
            continue
        session = evaluation.parents[2]
        texts = _texts(session / "dialog" / "transcriptions" / evaluation.name)
        for block in _blocks(evaluation):
            if block.choices:
                path = _recording(block.utterance, session, lenient=lenient)
                examples.append(_example(block, path, texts, test_session, space))
    assert_disjoint(examples)
    return examples


def _recording(utterance: str, session: Path, *, lenient: bool) -> Path:
    path = session / "sentences" / "wav" / utterance.rpartition("_")[0] / f"{utterance}.wav"
    if not (lenient or path.is_file()):
        raise SourceError("is missing.", where=str(path), fix="Copy the release's sentences/wav here.")
    return path


def _example(
    block: _Block, path: Path, texts: Mapping[str, str], test_session: int, space: LabelSpace
) -> RecordingExample:
    number = int(block.utterance[3:5])
    turn = block.utterance.rpartition("_")[2]
    shares = _shares(block.choices)
    return RecordingExample(
        id=block.utterance,
        corpus=NAME,
        source=f"Session{number}",
        split=_split(number, test_session),
        labels=space.labels(shares, [name for own in OWN_LABELS[NAME].values() for name in own]),
        path=path,
        t0_s=0.0,
        t1_s=None,
        speaker=f"Ses{number:02d}{turn[0]}",
        text=texts.get(block.utterance),
        scales=_scales(block),
    )


def _shares(choices: list[list[str]]) -> dict[str, float]:
    """Shared label -> share of the evaluators; who chose two that mean the same counts once."""
    shares: dict[str, float] = {}
    for chosen in choices:
        for name in translated(NAME, dict.fromkeys(chosen, 1.0)):
            shares[name] = shares.get(name, 0.0) + 1 / len(choices)
    return {name: min(1.0, share) for name, share in shares.items()}


def _scales(block: _Block) -> dict[str, float]:
    """Mean ratings from 1..5 to [-1, 1]."""
    named = {"valence": block.valence, "arousal": block.arousal}
    return {name: (sum(given) / len(given) - 3) / 2 for name, given in named.items() if given}


def _split(session: int, test_session: int) -> Split:
    if session == test_session:
        return "test"
    return "validation" if session == (test_session - 2) % _SESSIONS + 1 else "train"


def _blocks(path: Path) -> Iterator[_Block]:
    block: _Block | None = None
    for _, line in lines_of(path):
        if head := _HEAD.match(line):
            if block is not None:
                yield block
            block = _Block(head[3])
        elif block is not None and (choice := _CHOICE.match(line)):
            labels = [label.strip().lower().removesuffix(" state") for label in choice[1].split(";")]
            block.choices.append([label for label in labels if label])
        elif block is not None and (rating := _RATING.match(line)):
            block.valence.append(int(rating[1]))
            block.arousal.append(int(rating[2]))
    if block is not None:
        yield block


def _texts(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    return {spoken[1]: spoken[2].strip() for _, line in lines_of(path) if (spoken := _SPOKEN.match(line))}
