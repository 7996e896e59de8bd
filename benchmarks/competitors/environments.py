"""An environment of its own for each peer: what they pin differs from what we need."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Final

from core.errors import EmotrackError
from core.weights import cache_root

PROGRAMS: Final = Path(__file__).parent / "programs"
_READY: Final = ".ready"


def environment_folder(kind: str) -> Path:
    """Where the environment of a peer belongs; another list of versions belongs elsewhere."""
    listed = (PROGRAMS / f"{kind}.txt").read_bytes()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return cache_root() / "peers" / f"{kind}-{version}-{hashlib.sha256(listed).hexdigest()[:12]}"


def environment_python(kind: str, say: Callable[[str], None]) -> Path:
    """The interpreter of a peer's environment, which is made if it is not there.

    Raises:
        EmotrackError: pip cannot install what is listed.
    """
    folder = environment_folder(kind)
    python = folder / "bin" / "python"
    if (folder / _READY).exists():
        return python
    say(f"Installing {kind} into {folder}: one to five minutes, 1.5 GB, once.")
    venv.EnvBuilder(with_pip=True, clear=True, symlinks=True).create(folder)
    words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*words, "-r", str(PROGRAMS / f"{kind}.txt")], check=False)
    if done.returncode != 0:
        raise EmotrackError(
            f"{kind} cannot be installed; what pip said stands above.",
            where=str(folder),
            fix="Its versions are listed in benchmarks/competitors/programs; leave it out with --row.",
        )
    (folder / _READY).touch()
    return python
