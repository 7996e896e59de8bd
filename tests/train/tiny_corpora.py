"""Every corpus of the default preset in its true format, a handful of made-up examples each."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import soundfile

from core.inputs import SAMPLE_RATE

FER_NAMES = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)


def write_corpora(data: Path) -> Path:
    """Texts, voices, faces and votes below `data`."""
    _texts(data / "text_emotion")
    write_faces(data / "ferplus")
    _voices(data)
    _votes(data / "cremad_votes")
    return data


def write_faces(folder: Path, train: int = 50, held: int = 10) -> None:
    """FER+: noise, whose votes name one emotion after the other."""
    folder.mkdir(parents=True)
    count = train + held
    votes = np.zeros((count, 10), np.uint8)
    votes[np.arange(count), np.arange(count) % 7] = 10
    images = np.random.default_rng(0).integers(0, 255, (count, 48, 48)).astype(np.uint8)
    usage = np.array(["Training"] * train + ["PublicTest"] * held)
    np.savez(folder / "faces.npz", images=images, votes=votes, usage=usage, emotions=np.array(FER_NAMES))


def _texts(folder: Path) -> None:
    folder.mkdir(parents=True)
    lines = [f"Sentence number {i} is {'good' if i % 2 else 'bad'}!" for i in range(40)]
    for part, rows in (("train", range(14)), ("dev", range(14, 21)), ("test", range(21, 28))):
        text = "".join(f"{lines[i]}\t{i % 7}\te{i}\n" for i in rows)
        _write(folder / f"goemotions_ekman_{part}.tsv.gz", text)
    for part in ("train", "dev"):
        rows = "".join(f"{part}{i},{part} {line},{i % 2},0,{1 - i % 2},0,0\n" for i, line in enumerate(lines))
        _write(folder / f"brighter_eng_{part}.csv.gz", "id,text,anger,fear,joy,sadness,surprise\n" + rows)
    plutchik = "134567"
    votes = ["0000500", "5000000", "0500000", "0050000", "0005000", "0000050", "0000005"]
    talk = [
        f"{part},{part}{i},0,{line},{votes[i % 7]}"
        for part in ("train", "dev", "test")
        for i, line in enumerate(lines[:7])
    ]
    _write(
        folder / "emotionlines_friends.csv.gz", "\n".join(["split,dialog,utt,text,annotation", *talk]) + "\n"
    )
    _write(folder / "xed_en.tsv.gz", "".join(f"Line {i} .\t{plutchik[i % 6]}\n" for i in range(80)))


def _voices(data: Path) -> None:
    rng = np.random.default_rng(0)
    (data / "ravdess_speech").mkdir()
    (data / "emodb").mkdir()
    for actor in (1, 15, 17):
        for emotion in range(1, 9):
            _voice(data / "ravdess_speech" / f"03-01-{emotion:02}-01-01-01-{actor:02}.wav", rng)
    for speaker in ("03", "12", "13"):
        for emotion in "WEAFTN":
            _voice(data / "emodb" / f"{speaker}a01{emotion}a.wav", rng)
    for name in ("nemo", "turev", "tess", "korean", "indian"):
        _tabled(data / "speech" / name, rng)


def _tabled(folder: Path, rng: np.random.Generator) -> None:
    """A corpus whose clips a table describes: two clips each of a speaker of each part."""
    folder.mkdir(parents=True)
    rows = ["path,speaker,split,anger,neutral"]
    for part in ("train", "validation", "test"):
        for number, labels in enumerate(("1,0", "0,1")):
            _voice(folder / f"{part}{number}.wav", rng)
            rows.append(f"{part}{number}.wav,speaker of {part},{part},{labels}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _voice(path: Path, rng: np.random.Generator) -> None:
    times = np.arange(round(0.8 * SAMPLE_RATE)) / SAMPLE_RATE
    wave = sum(0.1 * np.sin(2 * np.pi * 120 * k * times + rng.uniform(0, 6)) for k in range(1, 6))
    soundfile.write(path, wave + rng.normal(0, 0.01, len(times)), SAMPLE_RATE)


def _votes(folder: Path) -> None:
    folder.mkdir()
    head = ",".join(
        ["fileName", *(f"{channel}_{e}" for channel in ("audio", "av", "face") for e in "ADFHNS")]
    )
    rows = [
        f"1001_DFA_{name}_XX," + ",".join(["3"] * 18) for name in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
    ]
    _write(folder / "votes.csv.gz", "\n".join([head, *rows]) + "\n")


def _write(path: Path, text: str) -> None:
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        file.write(text)
