"""A tiny corpus of recordings whose labels can be seen, heard and read: to test the training on raw input."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from core.inputs import SAMPLE_RATE

LABELS = ("anger", "happiness", "sadness")
WORDS = {"anger": "go away now", "happiness": "how lovely this is", "sadness": "nobody came again"}
COLOURS = {"anger": (220, 40, 30), "happiness": (240, 220, 60), "sadness": (40, 60, 160)}
TONES_HZ = {"anger": 900.0, "happiness": 500.0, "sadness": 180.0}


def write_recording(path: Path, label: str, seconds: float, rng: np.random.Generator) -> None:
    """A coloured picture with noise, and a tone of the label's height."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=8)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for _ in range(round(seconds * 8)):
            noise = rng.integers(-20, 20, (48, 64, 3))
            image = np.clip(np.array(COLOURS[label]) + noise, 0, 255).astype(np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
        times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        wave = 0.3 * np.sin(2 * np.pi * TONES_HZ[label] * times + rng.uniform(0, 6))
        frame = av.AudioFrame.from_ndarray((wave[None] * 32_767).astype(np.int16), "s16", "mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


def write_corpus(folder: Path, count: int = 18, seconds: float = 0.6) -> Path:
    """Recordings of as many speakers, a third of each label; two thirds are for training."""
    rng = np.random.default_rng(0)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "start", "end", "speaker", "split", "text", "valence", *LABELS])
        for number, row in enumerate(_rows(count)):
            label = row["label"]
            name = f"{number}.mkv"
            write_recording(folder / name, label, seconds, rng)
            valence = {"anger": -0.5, "happiness": 0.9, "sadness": -0.7}[label]
            given = [name, 0.0, "", f"s{number}", row["split"], WORDS[label], valence]
            table.writerow([*given, *(int(label == other) for other in LABELS)])
    return folder


def _rows(count: int) -> Iterator[dict[str, str]]:
    for number in range(count):
        split = ("train", "train", "validation", "train", "train", "test")[(number // 3) % 6]
        yield {"label": LABELS[number % 3], "split": split}
