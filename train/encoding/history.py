"""Tokens of clips as they are live: less the baseline of what was heard of the same person before.

A corpus says nothing about the order of its clips, so the history of a clip is drawn from all other clips of
its speaker, by a hash of their names: the same on every machine, and for every checkpoint.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal, cast, get_args

import numpy as np

from core.errors import ConfigError
from core.labels import Modality
from core.stages.baseline import Baseline, BaselineConfig
from core.window import Tokens
from train.corpora.base import bucket
from train.data.token_set import Ragged, TokenSet
from train.encoders.voice_memory import WITHOUT

_Word = Literal["none", "all"]

History = int | _Word
"""How many other clips of the person the baseline has heard before."""

_MODALITY: Final[Modality] = "audio"


def history_of(text: str) -> History:
    """What somebody wrote: none, a number, or all.

    Raises:
        ConfigError: it is none of these.
    """
    if text in get_args(_Word):
        return cast("_Word", text)
    if text.isdecimal():
        return int(text)
    raise ConfigError(
        f"{text!r} is no amount of history.", where="--history", fix="Write none, all, or a number."
    )


def with_history(tokens: TokenSet, config: BaselineConfig | None, history: History) -> TokenSet:
    """Take off each clip the baseline of `history` other clips of its person, as far as there are so many.

    Args:
        tokens: with plain tokens.
        config: of the checkpoint; None = it has no baseline, and nothing changes.
        history: how many.
    """
    counts = {"none": 0, "all": len(tokens)}
    asked = history if isinstance(history, int) else counts[history]
    return _compared(tokens, config, lambda name, others: min(asked, others))


def with_drawn_history(tokens: TokenSet, config: BaselineConfig | None) -> TokenSet:
    """The same with an amount drawn for each clip (`drawn_amount`): a network learns to do with any."""
    return _compared(tokens, config, drawn_amount)


def drawn_amount(name: str, others: int) -> int:
    """How many of `others` clips the clip called `name` is compared with in training.

    None for a third, else from one to all, few as often as many (uniform in the logarithm).
    """
    share = bucket(f"{name}, history")
    if share < WITHOUT or others == 0:
        return 0
    return min(others, math.floor(math.exp((share - WITHOUT) / (1 - WITHOUT) * math.log(others + 1))))


def _compared(tokens: TokenSet, config: BaselineConfig | None, amount: Callable[[str, int], int]) -> TokenSet:
    if config is None or _MODALITY not in tokens.tokens:
        return tokens
    plain = tokens.tokens[_MODALITY]
    values = [plain[row].values for row in range(len(tokens))]
    people: dict[str, list[int]] = defaultdict(list)
    for row, person in enumerate(tokens.sources):
        if len(values[row]):
            people[person].append(row)
    rows = []
    for row, (name, person) in enumerate(zip(tokens.ids, tokens.sources, strict=True)):
        clip = _clip(name)
        others = [other for other in people[person] if _clip(tokens.ids[other]) != clip]
        count = amount(name, len(others))
        if count < len(others):
            drawn = {other: bucket(f"{name} {tokens.ids[other]}") for other in others}
            others = sorted(others, key=drawn.__getitem__)[:count]
        baseline = Baseline(config)
        for other in others:
            baseline.push(values[other])
        rows.append(Tokens(baseline.taken_off(values[row]), plain[row].times_s))
    return replace(tokens, tokens={**tokens.tokens, _MODALITY: _like(plain.timing, rows)})


def _like(timing: str, rows: list[Tokens]) -> Ragged:
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    values = np.concatenate([row.values for row in rows]).astype(np.float32)
    times_s = np.concatenate([row.times_s for row in rows]).astype(np.float32)
    return Ragged(values, times_s, offsets, timing)  # type: ignore[arg-type]


def _clip(name: str) -> str:
    """A long clip was cut into "ID#0", "ID#1": its parts are not each other's history."""
    return name.partition("#")[0]
