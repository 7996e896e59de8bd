"""The products that are compared, and what each is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

END_PAUSE_S: Final = 0.5
"""Our silence that ends a turn, which tuned peers are given too."""

Kind = Literal["emotrack", "realtimestt", "whisperlivekit"]


@dataclass(frozen=True, slots=True)
class Product:
    """One row of the comparison.

    Attributes:
        kind: whose program it is.
        settings: what differs from its defaults beyond weights, language, threads and processor.
        hang_over_ms: the silence that it waits for before it takes speech for ended, as configured.
        note: one clause about the row.
    """

    kind: Kind
    note: str
    hang_over_ms: float
    settings: dict[str, Any] = field(default_factory=dict)


PRODUCTS: Final[dict[str, Product]] = {
    "emotrack": Product("emotrack", "words, emotion of voice and words, feed", 1000 * END_PAUSE_S),
    "emotrack-words": Product(
        "emotrack",
        "words alone, none before the end of a turn, which is what `realtimestt` gives",
        1000 * END_PAUSE_S,
        {"purpose": "workplace", "set": "engine.transcript.partials=false"},
    ),
    "realtimestt": Product("realtimestt", "its defaults", 600.0),
    "realtimestt-tuned": Product(
        "realtimestt",
        "our pause; its early transcription after 0.2 s of silence",
        1000 * END_PAUSE_S,
        {"post_speech_silence_duration": END_PAUSE_S, "early_transcription_on_silence": 0.2},
    ),
    "whisperlivekit": Product(
        "whisperlivekit", "its default policy, SimulStreaming", 100.0, {"backend-policy": "simulstreaming"}
    ),
    "whisperlivekit-agreement": Product(
        "whisperlivekit",
        "LocalAgreement, the policy of whisper_streaming",
        100.0,
        {"backend-policy": "localagreement"},
    ),
}
"""WhisperLiveKit's voice detector ends speech after 0.1 s of silence and offers no option for that, so it has
no tuned row: its silence is the shortest of all."""


@dataclass(frozen=True, slots=True)
class Recogniser:
    """What all rows share.

    Attributes:
        size: of Whisper.
        folder: its CTranslate2 weights.
        checkpoint: the same weights as PyTorch reads them.
        heads: its heads that follow the sound, packed; "" where no row needs either.
        language: what is spoken.
        threads: processor threads for it.
    """

    size: str
    folder: str
    checkpoint: str
    heads: str
    language: str
    threads: int


def realtimestt_arguments(product: Product, shared: Recogniser) -> dict[str, Any]:
    """Arguments of its recorder: sound is pushed, no log file, and what all rows share."""
    return {
        "model": shared.folder,
        "language": shared.language,
        "device": "cpu",
        "compute_type": "int8",
        "use_microphone": False,
        "spinner": False,
        "no_log_file": True,
        **product.settings,
    }


def whisperlivekit_words(product: Product, shared: Recogniser, port: int) -> list[str]:
    """Words of its server's command line: raw sound comes in, and what all rows share.

    "auto" is the only type of arithmetic that it knows; on a processor CTranslate2 then takes 8 bits.
    """
    options = {"host": "127.0.0.1", "port": str(port), "language": shared.language, **product.settings}
    options |= {"warmup-file": "", "log-level": "WARNING", "backend": "faster-whisper"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    if product.settings["backend-policy"] == "localagreement":
        return ["--pcm-input", *words, "--model_dir", shared.folder]
    paths = ["--encoder-model-path", shared.folder, "--decoder-model-path", shared.checkpoint]
    paths += ["--custom-alignment-heads", shared.heads]
    return ["--pcm-input", *words, "--model", shared.size, *paths]


def emotrack_words(product: Product, shared: Recogniser) -> list[str]:
    """Words of our command: the microphone alone, and what all rows share."""
    options = {"microphone": "default", "no": "camera", "consent": "bench", "port": "0"}
    options |= {"whisper": shared.size, "language": shared.language}
    every = [*options.items(), ("set", f"whisper.threads={shared.threads}"), *product.settings.items()]
    return ["live", "--no-console", *(word for name, value in every for word in (f"--{name}", value))]
