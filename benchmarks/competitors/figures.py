"""From runs to the figures of a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.competitors.products import Product
from benchmarks.competitors.run import Run
from benchmarks.competitors.speech import Script
from benchmarks.competitors.words import WordHistory, ends_in, settled_at, word_error
from benchmarks.live_figures import percentiles

Words = Sequence[str]


def row(
    product: Product, runs: Sequence[Run], script: Script, said: Sequence[Words], offline: Sequence[Words]
) -> dict[str, Any]:
    """The figures of one product over all its runs.

    Args:
        product: what was run.
        runs: at least one.
        script: what was played.
        said: words of each utterance, as they were spoken.
        offline: words of each utterance as the same weights recognise it alone and unhurried.

    Returns:
        `speech_end_to_final_text_ms` and `speech_end_to_shown_text_ms` (percentiles over utterances: the true
        end of speech until the utterance's words stand as settled, or as shown, for good), `hang_over_ms`,
        `missed` (utterances of which fewer than three quarters of the words came), `word_error` against
        `said`, `words_unlike_offline`, `cpu_s_per_s`, `peak_rss_mb`.
    """
    final = [late for run in runs for late in _late_ms(run, run.heard.final, script, said)]
    shown = [late for run in runs for late in _late_ms(run, run.heard.shown, script, said)]
    everything = [run.heard.final[-1][1] if run.heard.final else () for run in runs]
    return {
        "note": product.note,
        "settings": product.settings,
        "hang_over_ms": product.hang_over_ms,
        "speech_end_to_final_text_ms": percentiles(late for late in final if late is not None),
        "speech_end_to_shown_text_ms": percentiles(late for late in shown if late is not None),
        "utterances": len(final),
        "missed": sum(late is None for late in final),
        "word_error": _mean([word_error(words, said) for words in everything]),
        "words_unlike_offline": _mean([word_error(words, offline) for words in everything]),
        "cpu_s_per_s": round(sum(run.cpu_s for run in runs) / sum(run.wall_s for run in runs), 3),
        "peak_rss_mb": round(max(run.peak_mb for run in runs), 1),
    }


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)


def _late_ms(run: Run, told: WordHistory, script: Script, said: Sequence[Words]) -> list[float | None]:
    """Per utterance, from its true end until its words stood; None if it has none."""
    if not told:
        return [None] * len(said)
    starts_s = [run.began_s + start_s for start_s, _ in script.spans]
    stood = settled_at(told, ends_in(told, said, starts_s), said)
    return [
        None if at_s is None else 1000 * (at_s - run.began_s - end_s)
        for at_s, (_, end_s) in zip(stood, script.spans, strict=True)
    ]
