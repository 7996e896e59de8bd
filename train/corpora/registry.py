"""The corpora by name: who reads them, where they usually lie, and what their examples are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal, get_args

from core.errors import ConfigError
from core.labels import Modality
from train.corpora.base import Example, Labels, assert_disjoint, shared_sources
from train.corpora.label_space import DEFAULT, LabelSpace, moved
from train.corpora.recordings import SplitRule
from train.data.token_set import Timing

Form = Literal["texts", "faces", "clips", "features", "recordings"]
"""What examples are: sentences; pictures of faces; utterances in sound files, read whole; numbers that the
corpus' authors computed; stretches of recordings, which go through the stages of the live loop."""

_MODALITY: Final[dict[Form, Modality]] = {"texts": "text", "faces": "visual", "clips": "audio"}


@dataclass(frozen=True, slots=True)
class Corpus:
    """One corpus.

    Attributes:
        module: in `train.corpora`; has the reader.
        folder: usual name of its folder below a folder with several corpora; "" if it has none.
        form: what its examples are.
        licence: of the corpus, for model cards.
        reader: name of the function `(folder, ...) -> list[Example]`.
        timing: meaning of the times of a corpus of features.
    """

    module: str
    folder: str
    form: Form
    licence: str
    reader: str = "read"
    timing: Timing = "timed"

    @property
    def modality(self) -> Modality | None:
        """The one modality that its examples have; None where they have what a recording has."""
        return _MODALITY.get(self.form)

    def read(self) -> Callable[..., Sequence[Example]]:
        """The reader."""
        found: Callable[..., Sequence[Example]] = getattr(import_module(self.module), self.reader)
        return found


_SDK = "features of YouTube videos, see the CMU Multimodal SDK"
_ELDERREACT = "academic research"
_MELD = "GPL-3.0, scenes of a television series"

CORPORA: Final[dict[str, Corpus]] = {
    "goemotions": Corpus("train.corpora.goemotions", "text_emotion", "texts", "Apache-2.0"),
    "xed": Corpus("train.corpora.xed", "text_emotion", "texts", "CC BY 4.0"),
    "brighter": Corpus("train.corpora.brighter", "text_emotion", "texts", "CC BY 4.0"),
    "emotionlines": Corpus("train.corpora.emotionlines", "text_emotion", "texts", "research use"),
    "meld": Corpus("train.corpora.meld", "text_emotion", "texts", _MELD),
    "ferplus": Corpus(
        "train.corpora.ferplus", "ferplus", "faces", "votes MIT, FER2013 pictures research use"
    ),
    "ravdess": Corpus("train.corpora.ravdess", "ravdess_speech", "clips", "CC BY-NC-SA 4.0"),
    "emodb": Corpus("train.corpora.emodb", "emodb", "clips", "free for research"),
    "nemo": Corpus(
        "train.corpora.tabled_speech", "speech/nemo", "clips", "CC BY-NC-SA 4.0", reader="read_nemo"
    ),
    "turev": Corpus(
        "train.corpora.tabled_speech", "speech/turev", "clips", "CC BY-NC-ND 4.0", reader="read_turev"
    ),
    "tess": Corpus(
        "train.corpora.tabled_speech", "speech/tess", "clips", "CC BY-NC-ND 4.0", reader="read_tess"
    ),
    "korean": Corpus(
        "train.corpora.tabled_speech", "speech/korean", "clips", "CC BY-NC-SA", reader="read_korean"
    ),
    "indian": Corpus(
        "train.corpora.tabled_speech", "speech/indian", "clips", "CC BY-NC-SA 4.0", reader="read_indian"
    ),
    "mosei": Corpus("train.corpora.mosei", "mosei", "features", _SDK),
    "mosei_pickle": Corpus("train.corpora.mosei_pickle", "mosei", "features", _SDK, timing="ordered"),
    "elderreact_covarep": Corpus("train.corpora.elderreact_covarep", "elderreact", "features", _ELDERREACT),
    "ravdess_av": Corpus("train.corpora.ravdess_av", "ravdess_speech", "features", "CC BY-NC-SA 4.0"),
    "elderreact": Corpus("train.corpora.elderreact", "elderreact", "recordings", _ELDERREACT),
    "emoreact": Corpus("train.corpora.emoreact", "emoreact", "recordings", "signed agreement, research"),
    "meld_video": Corpus("train.corpora.meld", "meld", "recordings", _MELD, reader="read_recordings"),
    "iemocap": Corpus("train.corpora.iemocap", "iemocap", "recordings", "signed agreement, research"),
    "cremad": Corpus("train.corpora.cremad", "cremad", "recordings", "ODbL 1.0"),
    "directory": Corpus("train.corpora.directory", "", "recordings", "that of your own recordings"),
}


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a corpus is read.

    Attributes:
        split_rule: "official", the authors' parts, or "disjoint", ours without a shared source; None takes
            the reader's own choice, which is the authors' where there are any.
        space: labels of the targets.
        lenient: recordings may be missing: whoever opens them tells it.
        shared_speakers: a speaker of one's own recordings may be in several parts; a recording never may.
        whole: nobody asks for parts, so it does not matter whether there are enough for them.
    """

    split_rule: SplitRule | None = None
    space: LabelSpace = DEFAULT
    lenient: bool = False
    shared_speakers: bool = False
    whole: bool = False


def split_rule_of(text: str | None) -> SplitRule | None:
    """A split rule that somebody wrote. Raises ConfigError when it is none."""
    if text is not None and text not in get_args(SplitRule):
        raise ConfigError(f"{text!r} is no split rule.", fix=f"Known: {', '.join(get_args(SplitRule))}.")
    return next((rule for rule in get_args(SplitRule) if rule == text), None)


def corpus(name: str) -> Corpus:
    """The corpus called `name`.

    Raises:
        ConfigError: there is none; says which there are.
    """
    if name not in CORPORA:
        raise ConfigError(f"There is no corpus {name!r}.", fix=f"Known: {', '.join(CORPORA)}.")
    return CORPORA[name]


def read_corpus(name: str, data: Path, reading: ReadOptions = ReadOptions()) -> Sequence[Example]:
    """Read a corpus; nothing is decoded.

    That its splits share no source is asserted, but for authors' splits that are known to: see
    `split_note`.

    Args:
        name: of the corpus.
        data: its folder, or a folder that holds it under its usual name.
        reading: how.

    Raises:
        ConfigError, SourceError: there is no such corpus, nothing of it in the folder, something in it is
            damaged, or it has no such split.
    """
    known = corpus(name)
    folder = data / known.folder if known.folder and (data / known.folder).is_dir() else data
    read = known.read()
    accepted = set(inspect.signature(read).parameters)
    asked: dict[str, Any] = {"lenient": reading.lenient, "whole": reading.whole}
    asked["allow_shared_speakers"] = reading.shared_speakers
    if reading.split_rule is not None:
        if "split" not in accepted:
            raise ConfigError(f"{name} has one split only.", fix="Leave the split rule away.")
        asked["split"] = reading.split_rule
    if "space" in accepted:
        asked["space"] = reading.space
    examples = read(folder, **{key: value for key, value in asked.items() if key in accepted})
    if "space" not in accepted and reading.space != DEFAULT:
        examples = [_moved(example, reading.space) for example in examples]
    if not split_note(name, examples, reading):
        assert_disjoint(examples)
    return examples


def split_note(name: str, examples: Sequence[Example], reading: ReadOptions) -> str:
    """What is to be said of a split by the authors that shares sources; "" where there is nothing to say."""
    accepted = inspect.signature(corpus(name).read()).parameters
    rule = reading.split_rule or (accepted["split"].default if "split" in accepted else None)
    shared = shared_sources(examples)
    if rule != "official" or not shared:
        return ""
    told = ", ".join(f"{count} of {total} of {split}" for split, (count, total) in shared.items())
    return (
        f"The authors' split of {name} shares sources between its parts ({told} are in another part too): "
        "its figures are not those of unseen sources. The split rule `disjoint` gives parts that share none."
    )


def _moved(example: Example, space: LabelSpace) -> Example:
    target, known = moved(example.labels.target[None], example.labels.available[None], DEFAULT, space)
    return replace(example, labels=Labels(target[0], known[0]))
