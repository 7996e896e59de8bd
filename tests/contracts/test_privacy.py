"""Nothing leaves the machine: no telemetry, and the network only for weights and for the feed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

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
    if not path.relative_to(ROOT).as_posix().startswith(MAY_SPEAK):
        assert not among(names, NETWORK)


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
