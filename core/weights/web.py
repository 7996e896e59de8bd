"""Files over HTTP: resumed where they broke off, from hosts that answer within a few seconds."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from core.weights.manifest import HubSource, WebSource, WeightFile
from core.weights.progress import Progress, Step
from core.weights.staging import SourceFailed, Staging

if TYPE_CHECKING:
    import httpx2

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0

Opener = Callable[[str, Mapping[str, str]], "AbstractContextManager[httpx2.Response]"]


class Web:
    """HTTP downloads of one run. A host that could not be reached once is not asked again.

    Args:
        opener: opens an address with headers and yields a streaming response; the real one by default.
    """

    def __init__(self, opener: Opener | None = None) -> None:
        self._open = opener or _open
        self._unreachable: dict[str, str] = {}

    def obtain(self, source: HubSource | WebSource, staging: Staging, progress: Progress) -> None:
        """Download every missing file from `source` into `staging`.

        Raises:
            SourceFailed: the host is out of reach, has no such file, or delivers another one.
            OSError: the cache cannot be written.
        """
        for file in staging.missing:
            self._file(address(source, file), file, staging, progress)

    def _file(self, url: str, file: WeightFile, staging: Staging, progress: Progress) -> None:
        import httpx2

        host = urlsplit(url).netloc
        if host in self._unreachable:
            raise SourceFailed(f"{host} is out of reach ({self._unreachable[host]})")
        try:
            self._stream_persistently(url, file, staging, progress)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            self._unreachable[host] = _reason(error)
            raise SourceFailed(f"{host} is out of reach ({_reason(error)})") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise SourceFailed(f"{url}: {_reason(error)}") from error
        staging.accept(file, staging.partial(file))

    def _stream_persistently(self, url: str, file: WeightFile, staging: Staging, progress: Progress) -> None:
        import httpx2

        part = staging.partial(file)
        while True:
            before = _size(part)
            try:
                return self._stream(url, file, staging, progress)
            except (httpx2.ReadError, httpx2.ReadTimeout, httpx2.RemoteProtocolError):
                if _size(part) <= before:
                    raise  # a connection that brings nothing any more is given up; the rest is kept

    def _stream(self, url: str, file: WeightFile, staging: Staging, progress: Progress) -> None:
        part = staging.partial(file)
        done = _size(part)
        if done == file.size:
            return
        if done > file.size:
            part.unlink()
            done = 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
        with self._open(url, headers) as response:
            if done and response.status_code != 206:
                done = 0  # the server starts over, or finds our range odd
            if response.status_code not in {200, 206}:
                part.unlink(missing_ok=True)
                raise SourceFailed(f"{url} answers {response.status_code}")
            announced = response.headers.get("Content-Length")
            if announced is not None and done + int(announced) != file.size:
                raise SourceFailed(f"{url} has {done + int(announced)} bytes, not {file.size}")
            with part.open("ab" if done else "wb") as stream:
                for chunk in response.iter_raw():
                    stream.write(chunk)
                    done += len(chunk)
                    progress(Step(staging.weight.name, file.name, done, file.size))
                    if done > file.size:
                        break


def address(source: HubSource | WebSource, file: WeightFile) -> str:
    """The address of `file` at `source`. `HF_ENDPOINT` may name a mirror of the hub."""
    if isinstance(source, WebSource):
        return source.base + quote(file.name)
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    return f"{hub}/{source.repo}/resolve/{source.revision}/{quote(file.name)}"


@cache
def shared_web() -> Web:
    """The one that remembers unreachable hosts for the whole process."""
    return Web()


def _open(url: str, headers: Mapping[str, str]) -> AbstractContextManager[httpx2.Response]:
    import httpx2

    timeout = httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    return httpx2.stream("GET", url, headers=dict(headers), timeout=timeout, follow_redirects=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0]
    return re.sub(r"^\[Errno -?\d+\] ", "", first) or type(error).__name__
