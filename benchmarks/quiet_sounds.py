"""Sounds in which nobody says a word, made from nothing: silence, fans, and music with a voice-like lead.

All are (n,) float32 at 16 kHz in [-1, 1], the same for the same seed and length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE_HZ: Final = 16_000
Sound = NDArray[np.float32]

_FAN_LEVELS_DB: Final = (-55.0, -45.0, -35.0, -25.0, -15.0)
_CHORDS: Final = ((220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (261.6, 329.6, 392.0), (196.0, 246.9, 293.7))
_SCALE: Final = (220.0, 246.9, 261.6, 293.7, 329.6, 349.2, 392.0, 440.0)
_VOWELS: Final = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))
"""First three formants of a, e, i, o, u in hertz (Peterson and Barney 1952, men)."""

_BEAT_S: Final = 0.5


def silence(seconds: float, seed: int = 0) -> Sound:
    """Exact zeros, then the noise of the last bit, then a quiet room at -60 dB of full scale."""
    rng, n = np.random.default_rng(seed), round(seconds * RATE_HZ)
    third = n // 3
    bit = rng.integers(-1, 2, third) / 32_768
    room = _at_level(_coloured(n - 2 * third, 1.0, rng), -60.0)
    return np.concatenate([np.zeros(third), bit, room]).astype(np.float32)


def fan(seconds: float, seed: int = 0) -> Sound:
    """A fan at five levels: pink and brown noise, hum of the mains, and blades that turn unevenly."""
    rng, part = np.random.default_rng(seed), round(seconds * RATE_HZ / len(_FAN_LEVELS_DB))
    t = np.arange(part) / RATE_HZ
    pieces = []
    for k, level_db in enumerate(_FAN_LEVELS_DB):
        noise = _at_level(_coloured(part, 1.0 if k % 2 else 2.0, rng), -20.0)
        hum = sum(0.02 / h * np.sin(2 * np.pi * 50 * h * t) for h in (1, 2, 3, 5))
        turning = 2 * np.pi * np.cumsum(180 + 15 * np.sin(2 * np.pi * 0.13 * t)) / RATE_HZ
        blades = 0.03 * np.sin(turning) * (1 + 0.5 * np.sin(2 * np.pi * 0.4 * t))
        pieces.append(_at_level(noise + hum + blades, level_db))
    return np.concatenate(pieces).astype(np.float32)


def music(seconds: float, seed: int = 0) -> Sound:
    """Chords; chords, drums and melody; all of that with a voice-like lead; the lead alone."""
    rng, part = np.random.default_rng(seed), round(seconds * RATE_HZ / 4)
    chords, drums = _chords(part), _drums(part, rng)
    melody, lead = _melody(part, rng), _lead(part, rng)
    backing, sung = _at_level(chords + drums, -30.0), _at_level(lead, -16.0)
    parts = [_at_level(chords, -20.0), _at_level(chords + drums + melody, -20.0), backing + sung, sung]
    return np.concatenate([np.clip(sound, -1, 1) for sound in parts]).astype(np.float32)


SOUNDS: Final[dict[str, Callable[[float, int], Sound]]] = {"silence": silence, "fan": fan, "music": music}


def _at_level(sound: NDArray[np.float64], level_db: float) -> NDArray[np.float64]:
    """The sound with this root mean square, in decibels of full scale."""
    rms = float(np.sqrt(np.mean(sound**2)))
    return np.clip(sound * (10 ** (level_db / 20) / max(rms, 1e-12)), -1, 1)


def _coloured(n: int, exponent: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose power falls with the frequency: exponent 1 is pink, 2 is brown."""
    spectrum = np.fft.rfft(rng.normal(size=n))
    hertz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    spectrum /= np.maximum(hertz, 20.0) ** (exponent / 2)
    return np.fft.irfft(spectrum, n)


def _beats(n: int) -> Sequence[slice]:
    size = round(_BEAT_S * RATE_HZ)
    return [slice(at, min(at + size, n)) for at in range(0, n, size)]


def _chords(n: int) -> NDArray[np.float64]:
    out, t = np.zeros(n), np.arange(n) / RATE_HZ
    for k, beat in enumerate(_beats(n)):
        notes = _CHORDS[(k // 4) % len(_CHORDS)]
        for hertz in notes:
            out[beat] += sum(np.sin(2 * np.pi * hertz * h * t[beat]) / h**2 for h in (1, 2, 3, 4))
    return out


def _drums(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    out = np.zeros(n)
    for k, beat in enumerate(_beats(n)):
        t = np.arange(beat.stop - beat.start) / RATE_HZ
        if k % 2 == 0:
            out[beat] += 3 * np.sin(2 * np.pi * (50 * t + 8 * (1 - np.exp(-t * 30)))) * np.exp(-t * 12)
        else:
            out[beat] += 1.5 * rng.normal(size=len(t)) * np.exp(-t * 25)
    return out


def _melody(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    out = np.zeros(n)
    for beat in _beats(n):
        t = np.arange(beat.stop - beat.start) / RATE_HZ
        hertz = 2 * float(rng.choice(_SCALE))
        out[beat] += np.sign(np.sin(2 * np.pi * hertz * t)) * np.exp(-t * 4) * 0.6
    return out


def _lead(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Somebody who sings vowels: pulses of a glottis through gliding resonances, with vibrato and breaths."""
    hertz, vowel, loud = _sung(n, rng)
    phase = np.cumsum(hertz * (1 + 0.004 * _smooth(rng.normal(size=n), 0.01))) / RATE_HZ
    open_part = np.clip(1 - (phase % 1.0) / 0.6, 0, 1)
    pulses = np.diff(open_part**2, prepend=0.0) + 0.002 * rng.normal(size=n)
    return _through_vowels(pulses, vowel) * loud


def _sung(
    n: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Pitch in hertz, place between the vowels, and loudness of every sample: syllables with breaths."""
    hertz, vowel, loud = np.full(n, 150.0), np.zeros(n), np.zeros(n)
    at = 0
    while at < n:
        size = round(float(rng.uniform(0.15, 0.6)) * RATE_HZ)
        part = slice(at, min(n, at + size))
        t = np.linspace(0, 1, part.stop - part.start)
        if rng.random() < 0.85:  # else a breath
            hertz[part] = float(rng.choice(_SCALE)) / 2 * float(rng.choice((1, 1, 2)))
            vowel[part] = float(rng.uniform(0, len(_VOWELS) - 1))
            loud[part] = np.sin(np.pi * t) ** 0.5 * float(rng.uniform(0.4, 1.0))
        at += size
    vibrato = 1 + 0.012 * np.sin(2 * np.pi * 5.5 * np.arange(n) / RATE_HZ)
    return _smooth(hertz, 0.05) * vibrato, _smooth(vowel, 0.08), _smooth(loud, 0.01)


def _smooth(values: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """A moving mean."""
    width = round(seconds * RATE_HZ)
    sums = np.cumsum(np.pad(values, (width // 2 + 1, width - width // 2 - 1), mode="edge"))
    return (sums[width:] - sums[:-width])[: len(values)] / width if width < len(values) else values


def _through_vowels(pulses: NDArray[np.float64], vowel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pulses with the spectra of the vowels that they pass, in overlapping pieces of 32 ms."""
    size, hop = 512, 256
    window, hertz = np.hanning(size + 1)[:size], np.fft.rfftfreq(2 * size, 1 / RATE_HZ)
    formants = np.asarray(_VOWELS, np.float64)
    out = np.zeros(len(pulses) + 2 * size)
    for at in range(0, len(pulses) - size, hop):
        place = vowel[at + hop]
        low = min(int(place), len(formants) - 2)
        mixed = formants[low] + (place - low) * (formants[low + 1] - formants[low])
        shape = sum(1 / np.hypot(1 - (hertz / f) ** 2, 0.12 * hertz / f) for f in mixed) - 2.8
        spectrum = np.fft.rfft(pulses[at : at + size] * window, 2 * size) * np.maximum(shape, 0.05)
        out[at : at + 2 * size] += np.fft.irfft(spectrum, 2 * size)
    return out[: len(pulses)]
