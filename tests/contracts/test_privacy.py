"""Nothing leaves the machine: no telemetry, and the network only for weights and for the feed."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest

from core.onnx_session import open_session

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    ROOT / "emotrack.py",
    *sorted(path for package in ("core", "realtime", "train") for path in (ROOT / package).rglob("*.py")),
]
WEB = sorted(path for path in (ROOT / "realtime" / "web").rglob("*") if path.is_file())

NETWORK_MODULES = """
    aiohttp ftplib grpc http httpcore httpx httpx2 huggingface_hub imaplib nntplib poplib requests smtplib
    socket socketserver ssl telnetlib torch.hub urllib.request urllib3 websocket websockets xmlrpc zmq
"""
TELEMETRY_MODULES = """
    bugsnag clearml comet_ml datadog mixpanel mlflow neptune newrelic opentelemetry posthog
    prometheus_client rollbar segment sentry_sdk statsd wandb
"""
NETWORK = set(NETWORK_MODULES.split())
TELEMETRY = set(TELEMETRY_MODULES.split())
SHOWS_COUNTERS = "realtime/feed/metrics.py"
"""The one file that may use prometheus_client, and of it only what writes text for those who ask."""
MAY_SPEAK = ("core/weights/", "realtime/feed/")
"""Folders that may use the network: an explicit download, and the feed."""

MAY_NAME = {
    "realtime/desktop/application.py": {"socket"},  # a pair of sockets inside the process, for signals
    "realtime/desktop/feed_link.py": {"ssl"},  # which certificate the client of the feed believes
}
"""Single modules elsewhere."""

LOADERS = {"WhisperModel", "from_pretrained"}
"""Calls of other libraries that fetch from a hub unless they are told not to."""


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def among(names: set[str], listed: set[str]) -> set[str]:
    return {name for name in names for entry in listed if name == entry or name.startswith(f"{entry}.")}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_weights_and_feed_use_the_network_and_nothing_reports_home(path: Path) -> None:
    names = imports(path)
    if path.relative_to(ROOT).as_posix() == SHOWS_COUNTERS:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"push_to_gateway|pushadd|start_http_server|urllib", text)
        assert not among(names, TELEMETRY - {"prometheus_client"})
    else:
        assert not among(names, TELEMETRY)
    place = path.relative_to(ROOT).as_posix()
    if not place.startswith(MAY_SPEAK):
        assert not among(names, NETWORK) - MAY_NAME.get(place, set())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_loaders_of_other_libraries_are_told_to_stay_offline(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in LOADERS:
            told = {keyword.arg: keyword.value for keyword in node.keywords}
            offline = told.get("local_files_only")
            assert isinstance(offline, ast.Constant), f"line {node.lineno}: local_files_only=True is missing"
            assert offline.value is True


def test_openvino_is_imported_only_where_its_telemetry_was_kept_out(tmp_path: Path) -> None:
    """Importing it calls its maker, unless the package that does is made unimportable first."""
    users = [path for path in SOURCES if among(imports(path), {"openvino"})]
    assert [path.relative_to(ROOT).as_posix() for path in users] == ["core/backends/openvino.py"]
    text = users[0].read_text(encoding="utf-8")
    assert text.index("_keep_silent()") < text.index("import openvino\n") < text.index("openvino.Core()")
    code = "from core.backends.openvino import _keep_silent; _keep_silent(); import openvino"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}, sys; print([m for m in sys.modules if 'telemetry.' in m])"],
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    assert not list(tmp_path.iterdir())


def test_onnx_runtime_is_started_in_one_place_and_told_to_report_nothing_before_that() -> None:
    """Its official builds for Windows send events unless they are told not to."""
    users = [path for path in SOURCES if "InferenceSession(" in path.read_text(encoding="utf-8")]
    assert [path.relative_to(ROOT).as_posix() for path in users] == ["core/onnx_session.py"]


def test_its_telemetry_is_off_before_the_first_session(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: called.append("silent"))
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: called.append("session"))
    open_session(Path("network.onnx"), threads=1, log_severity=4)
    assert called == ["silent", "session"]


SUPPRESSES_BY_ITSELF = ("CI", "ORT_")
"""Beginnings of variables with which ONNX Runtime is silent whatever the program does."""


def test_onnx_runtime_is_silent_before_it_is_loaded_and_leaves_no_identifier(
    weights: Callable[[str], Path], tmp_path: Path
) -> None:
    """Its uploader begins with an identifier and a database in the folder for caches."""
    network = next(weights("silero-vad").rglob("*.onnx"))
    code = (
        "import sys; from pathlib import Path; from core.onnx_session import open_session;"
        "open_session(Path(sys.argv[1]), threads=1, log_severity=3)"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SUPPRESSES_BY_ITSELF)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(network)],
        cwd=ROOT,
        env={**kept, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("path", WEB, ids=lambda path: path.name)
def test_the_page_asks_no_other_host_for_anything(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", errors="ignore")
    # A namespace is a name, no address. `//host` inherits the page's scheme and is an address too.
    text = re.sub(r"http://www\.w3\.org/[\w/#]+", "", text)
    assert not re.findall(r"\b(?:https?|wss?|ftp)://[\w.]+", text)
    assert not re.findall(r"""(?:src|href|action)\s*=\s*["']//|url\(\s*["']?//|@import\s+["']//""", text)
    assert not re.findall(r"sendBeacon|serviceWorker|google-analytics|gtag\(", text)


def test_the_rules_notice_what_they_are_for(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(
        "import urllib.request\nfrom urllib import request\nfrom torch import hub\nimport wandb.sdk\n"
    )
    assert among(imports(bad), NETWORK) == {"urllib.request", "torch.hub"}
    assert among(imports(bad), TELEMETRY) == {"wandb.sdk"}


# --- what a run does ---------------------------------------------------------------------------------

OUTWARD = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname")
WRITING = {"os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink", "os.truncate", "shutil.copyfile"}
HARMLESS = ("/dev/null", "/proc/")
"""Opened by libraries without anything being kept."""

WATCHED = """
import json, os, runpy, sys

def watch(event, arguments):
    if event in outward:
        told.write(f"outward {event} {arguments[-1]!r}\\n")
    elif event in writing:
        told.write(f"written {event} {arguments[0]!r}\\n")
    elif event == "open" and isinstance(arguments[2], int):
        if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            told.write(f"written open {arguments[0]!r}\\n")

outward, writing = json.loads(sys.argv[1])
told = open(sys.argv[2], "w", buffering=1)
sys.addaudithook(watch)
sys.dont_write_bytecode = True
sys.argv = ["emotrack", *sys.argv[3:]]
runpy.run_path("emotrack.py", run_name="__main__")
"""
"""The command, and beside it a note of every file it opens for writing and every address it asks for."""


def observed(notes: Path, *words: str) -> list[str]:
    """Run a command under watch; what it wrote and whom it called, from within Python."""
    lists = json.dumps([OUTWARD, sorted(WRITING)])
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, lists, str(notes), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    lines = notes.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not any(place in line for place in HARMLESS)]


def files_of(*folders: Path) -> set[tuple[str, int]]:
    """Every file with the time of its last change."""
    return {(str(path), path.stat().st_mtime_ns) for folder in folders for path in folder.rglob("*")}


@pytest.fixture
def ready(weights: Callable[[str], Path], demo_clips: Path) -> Path:
    """A clip, and everything that tracking it needs, fetched and prepared before anybody watches."""
    from core.backends.preparation import checkpoint_folder, prepare

    for name in ("silero-vad", "yunet", "minilm", "whisper-tiny.en"):
        weights(name)
    prepare(checkpoint_folder(None), lambda _: None)
    return demo_clips / "1001_DFA_HAP_XX.flv"


def test_a_replay_writes_no_file_and_calls_nobody_unless_told_to(ready: Path, tmp_path: Path) -> None:
    words = ["replay", str(ready), "--whisper", "tiny.en", "--pace", "max", "--no-feed", "--no-console"]
    home = tmp_path / "home"
    home.mkdir()
    before = files_of(home, ready.parent)
    assert observed(tmp_path / "notes", *words) == []
    assert files_of(home, ready.parent) == before
    told = observed(tmp_path / "notes", *words, "--out", str(tmp_path / "run"))
    assert told, "the watch sees nothing"
    named = [line for line in told if re.match(r"written open \D", line)]  # a descriptor was named before
    assert named
    assert all(str(tmp_path / "run") in line for line in named)
    assert not [line for line in told if line.startswith("outward")]
