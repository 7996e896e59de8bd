"""Fuzzing of everything that reads bytes of others, each input under limits of time and memory.

    python tests/fuzz/run.py [--seconds S] [--folder DIR] [TARGET...]     # all targets by default

With atheris (`make fuzz`) libFuzzer is guided by what the code covers; without it (`.ci/run`) seeds are
mutated at random, the same way each time. What breaks a target is written to the folder: exit code 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

MEMORY_BYTES: Final = 4 << 30
"""Address space that a target's process may have."""

INPUT_S: Final = 10
"""Seconds that one input may take."""

LONGEST: Final = 4096
"""Bytes of an input, at most."""


NUMBERS: Final = (b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff", b"1e99", b'"', b"\n")
MARKS: Final = (b"{", b"[", b'"', b"NaN", b"-1", b"\x1b[", "\u00e9\u202e".encode(), b"&x *x", b"../")


class TooSlow(BaseException):
    """One input took too long; no target may catch it."""


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow(f"one input took more than {INPUT_S} s")


def mutated(seed: bytes, rng: random.Random) -> bytes:
    """A seed with a few changes: bits, bytes, pieces cut out, doubled or moved, numbers made extreme."""
    data = bytearray(seed)
    for _ in range(rng.randint(1, 8)):
        at, length = rng.randint(0, len(data)), rng.randint(0, 16)
        kind = rng.randrange(6)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at:at] = rng.randbytes(length)
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = bytes(data[at : at + length]) * rng.randint(1, 20)
        elif kind == 4:
            data[at : at + 4] = rng.choice(NUMBERS)
        else:
            data[at:at] = rng.choice(MARKS)
    return bytes(data[:LONGEST])


def hammer(name: str, seconds: float, folder: Path) -> int:
    """Mutate seeds for so long; the number of inputs. What broke the target is written to the folder."""
    from tests.fuzz.targets import TARGETS

    target, seeds = TARGETS[name]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.RLIM_INFINITY))
    signal.signal(signal.SIGALRM, _too_slow)
    rng, count, end_s = random.Random(name), 0, time.monotonic() + seconds
    for seed in seeds:
        signal.alarm(INPUT_S)
        target(seed)
    while time.monotonic() < end_s:
        data = mutated(rng.choice(seeds), rng)
        signal.alarm(INPUT_S)
        try:
            target(data)
        except BaseException:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"crash-{name}-{count}").write_bytes(data)
            raise
        finally:
            signal.alarm(0)
        count += 1
    return count


def _guided(name: str, seconds: float, folder: Path) -> None:
    """Under atheris; does not come back."""
    import atheris

    with atheris.instrument_imports(include=["core", "realtime", "train"]):
        from tests.fuzz.targets import TARGETS
    target, seeds = TARGETS[name]
    corpus = folder / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds:.0f}", f"-max_len={LONGEST}", f"-timeout={INPUT_S}"]
    options += [f"-rss_limit_mb={MEMORY_BYTES >> 20}", f"-artifact_prefix={folder}/crash-{name}-"]
    if name == "feed":
        options.append(f"-dict={Path(__file__).with_name('feed.dict')}")
    atheris.Setup([sys.argv[0], *options, str(corpus)], target)
    atheris.Fuzz()


def main(words: list[str]) -> int:
    """Each target in a process of its own, one after the other; 1 where one broke."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", help="names of targets.py")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--folder", type=Path, default=Path("runs/fuzz"))
    parser.add_argument("--inside", action="store_true", help="in this process")
    asked = parser.parse_args(words)
    if asked.inside:
        if importlib.util.find_spec("atheris") is not None:
            _guided(asked.targets[0], asked.seconds, asked.folder)
        count = hammer(asked.targets[0], asked.seconds, asked.folder)
        sys.stdout.write(f"{asked.targets[0]}: {count} inputs, none broke it.\n")
        return 0
    from tests.fuzz.targets import TARGETS  # later: atheris instruments what is imported after it

    broken = 0
    for name in asked.targets or TARGETS:
        command = [sys.executable, __file__, "--inside", name, "--seconds", str(asked.seconds)]
        broken += subprocess.run([*command, "--folder", str(asked.folder)], check=False).returncode != 0
    return int(broken > 0)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.exit(main(sys.argv[1:]))
