"""The comparison as a table of a document."""

from __future__ import annotations

from typing import Any, Final

_COLUMNS: Final = (
    "row",
    "speech end to final text, ms: p50, p95",
    "of it configured silence",
    "to its last word on screen, p50",
    "cores",
    "MB",
    "words wrong",
    "unlike offline",
    "missed or cut short",
)


def markdown(figures: dict[str, Any]) -> str:
    """Caption and table of what `bench peers` found."""
    here = figures["machine"]
    lines = [
        f"`{figures['command']}`",
        "",
        f"Whisper {figures['whisper']} int8, {figures['threads']} threads, {here['cores']} cores "
        f"({here['cpu']}); {figures['utterances']} utterances, {figures['speech_s']:.0f} s of speech in all, "
        f"{figures['pause_s']} s apart, "
        f"{figures['rounds']} rounds, load before {here['load_average'][0]}. "
        f"The same weights offline: {figures['word_error_offline']:.1%} of words wrong.",
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "|---|" + "---|" * (len(_COLUMNS) - 1),
    ]
    for name, row in figures["rows"].items():
        lines.append("| " + " | ".join(_cells(name, row)) + " |")
    return "\n".join(lines) + "\n"


def _cells(name: str, row: dict[str, Any]) -> list[str]:
    if "failed" in row:
        return [f"`{name}`", "failed", *[""] * (len(_COLUMNS) - 2)]
    final, shown = row["speech_end_to_final_text_ms"], row["speech_end_to_shown_text_ms"]
    return [
        f"`{name}`: {row['note']}",
        f"{_ms(final['p50'])}, {_ms(final['p95'])}",
        _ms(row["hang_over_ms"]),
        _ms(shown["p50"]),
        f"{row['cpu_s_per_s']:.2f}",
        f"{row['peak_rss_mb']:.0f}",
        f"{row['word_error']:.1%}",
        f"{row['words_unlike_offline']:.1%}",
        f"{row['missed']} of {row['utterances']}",
    ]


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
