"""RAVDESS speech, heard and seen: the sound of each clip, and the action units of the face in the same take.

`03-01-*.flac` or `.wav` as in `train.corpora.ravdess`, and beside them `openface_au.npz` with `clip` (N,),
names of clips, and `au` (N, 35): means over the clip of OpenFace's 17 intensities (0 to 5) and 18 presences
(0 or 1). The two are joined on the name without its first field, which says whether a file is sound or video.
A clip without action units is heard only.

The action units are one visual token. Of the intensities it has the square roots: between none and a little
is a larger step than between much and more.

Splits are by actor, as in `train.corpora.ravdess`. In a label space with "calm", calm is a label of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from core.window import Tokens
from train.corpora import ravdess
from train.corpora.base import existing
from train.corpora.label_space import DEFAULT, LabelSpace
from train.corpora.numeric import VoicedExample

NAME: Final = "ravdess_av"
UNITS: Final = "openface_au.npz"
INTENSITIES: Final = 17
WIDTH: Final = 35
EIGHT: Final = LabelSpace(("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "calm"))
"""The labels that the actors were asked for."""

_CALM: Final = "02"


def read(folder: Path, *, space: LabelSpace = DEFAULT) -> list[VoicedExample]:
    """List every clip below `folder`; no sound is decoded.

    Args:
        folder: holds the sound files and `openface_au.npz`.
        space: labels of the targets.

    Raises:
        SourceError: either is absent, or the action units have another form.
    """
    clips = ravdess.read(folder)
    units = _action_units(existing(folder, f"**/{UNITS}")[0])
    known = set(EIGHT.names) if "calm" in space.names else set(EIGHT.names) - {"calm"}
    examples = []
    for clip in clips:
        calm = "calm" in known and clip.id.split("-")[2] == _CALM
        seen = units.get(_take(clip.id))
        examples.append(
            VoicedExample(
                id=clip.id,
                corpus=NAME,
                source=clip.source,
                split=clip.split,
                labels=space.labels({"calm" if calm else clip.intended: 1.0}, known),
                tokens={} if seen is None else {"visual": Tokens(seen[None], np.zeros(1, np.float32))},
                path=clip.path,
            )
        )
    return examples


def _action_units(path: Path) -> dict[str, NDArray[np.float32]]:
    with np.load(path, allow_pickle=False) as data:
        lacking = {"clip", "au"} - set(data.files)
        if lacking:
            raise SourceError(f"lacks {' and '.join(sorted(lacking))}.", where=str(path))
        names, units = [str(name) for name in data["clip"]], np.asarray(data["au"], np.float32)
    if units.shape != (len(names), WIDTH):
        raise SourceError(f"has units of shape {units.shape}, not {(len(names), WIDTH)}.", where=str(path))
    good = np.isfinite(units.sum(axis=1))
    units[:, :INTENSITIES] = np.sqrt(np.maximum(units[:, :INTENSITIES], 0.0))
    return {_take(name): row for name, row, usable in zip(names, units, good, strict=True) if usable}


def _take(name: str) -> str:
    """What the sound file and the video of one take have in common."""
    return name.partition("-")[2]
