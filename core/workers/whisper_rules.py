"""What the decoder, the guard and the aligner take for granted of a Whisper's files, checked.

Sizes differ: English ones know no other language, the third generation has Cantonese and 128 mel bins, and a
user's own conversion may lack a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Protocol

from core.errors import ModelError

_MARKS: Final = ("<|startoftranscript|>", "<|startofprev|>", "<|notimestamps|>")
_END: Final = "<|endoftext|>"
_TASK: Final = "<|transcribe|>"


class SpecialTokens(Protocol):
    """What is needed of `tokenizers.Tokenizer`."""

    def token_to_id(self, token: str) -> int | None: ...  # noqa: D102


def is_folder(size: str) -> bool:
    """Whether a recogniser is named by its folder, such as "./my-whisper", rather than by its size."""
    return "/" in size or "\\" in size or size.startswith(("~", "."))


def shown_name(size: str) -> str:
    """What a recogniser is called in a feed: its size, or the name of its folder; never a full path."""
    return Path(size.replace("\\", "/")).expanduser().name or size if is_folder(size) else size


def checked_languages(
    tokenizer: SpecialTokens, languages: Iterable[str], *, multilingual: bool, where: Path
) -> frozenset[str]:
    """The languages that this tokenizer can ask the decoder for.

    Args:
        tokenizer: of the folder.
        languages: codes that any Whisper may know.
        multilingual: whether the network knows more than English.
        where: the folder, for the message.

    Raises:
        ModelError: it is no tokenizer of a Whisper: a mark is absent, or stands among the words. Everything
            from the end mark on is taken for a mark, everything before it for text.
    """
    needed = (*_MARKS, _TASK) if multilingual else _MARKS
    end = tokenizer.token_to_id(_END)
    absent = [mark for mark in (_END, *needed) if tokenizer.token_to_id(mark) is None]
    if end is None or absent:
        raise _other(f"has no {', '.join(absent)}", where)
    among = [mark for mark in needed if (tokenizer.token_to_id(mark) or 0) <= end]
    if among:
        raise _other(f"has {', '.join(among)} among its words", where)
    if not multilingual:
        return frozenset({"en"})
    known = frozenset(code for code in languages if (tokenizer.token_to_id(f"<|{code}|>") or 0) > end)
    if not known:
        raise _other("knows no language", where)
    return known


def fit_features(network: Any, where: Path) -> None:  # noqa: ANN401  (faster_whisper.WhisperModel)
    """Give a network the mel bins that it was trained on, whether or not its folder says how many.

    Raises:
        ModelError: the folder says another number than the network takes.
    """
    wanted, extractor = int(network.model.n_mels), network.feature_extractor
    if len(extractor.mel_filters) == wanted:
        return
    if (where / "preprocessor_config.json").is_file():
        raise ModelError(
            f"preprocessor_config.json says {len(extractor.mel_filters)} mel bins, the network {wanted}.",
            where=str(where),
            fix="Convert the network again, with the files that belong to it.",
        )
    network.feature_extractor = type(extractor)(feature_size=wanted)


def _other(what: str, where: Path) -> ModelError:
    return ModelError(
        f"is no tokenizer of a Whisper: it {what}.",
        where=str(where / "tokenizer.json"),
        fix="Copy the tokenizer.json of the network that was converted.",
    )
