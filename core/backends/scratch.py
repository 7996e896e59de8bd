"""A temporary folder for what compilers leave lying about: generated code, object files, caches.

Compilers write where the environment says, and few remove what they wrote, least of all when they fail.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from unittest.mock import patch

_TEMPORARY: Final = ("TMPDIR", "TEMP", "TMP")
_CACHES: Final = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


def environment(folder: Path) -> dict[str, str]:
    """Variables by which compilers, torch's and the system's, write into `folder`."""
    caches = {name: str(folder / name.lower()) for name in _CACHES}
    return {**dict.fromkeys(_TEMPORARY, str(folder)), **caches}


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """Let everything temporary of this process, and of those it starts, lie in a folder that goes at the end.

    Args:
        beside: an existing folder; the temporary one is made in it, for this user alone.

    Yields:
        The temporary folder. It is removed with all that is in it, after a failure, too.
    """
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=beside, ignore_cleanup_errors=True) as name:
        before = tempfile.tempdir
        with patch.dict(os.environ, environment(Path(name))):
            tempfile.tempdir = name  # Python asks the environment only once
            try:
                yield Path(name)
            finally:
                tempfile.tempdir = before
