"""Whom a run and its page speak to, as the kernel and the browser see it (Linux, with strace and Chromium).

`python -m tests.e2e.network_trace RECORDING` plays a recording as a live run under strace, libraries and
child processes included, while a browser follows its page. It prints every address that was connected to or
bound, and every address that the page asked for. The exit code is 1 when one lies outside this machine.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.browser import browsing

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0
ADDRESS = re.compile(r"(?P<call>\w+)\(\d+, (?:.*?)\{sa_family=(?P<family>AF_\w+)(?P<rest>[^}]*)\}")
"""A system call with an address. Datagrams and messages without one go where `connect` has said."""
PLACE = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"|sun_path=(@?"[^"]*")')
HARMLESS = ("AF_UNIX", "AF_NETLINK", "AF_UNSPEC")
"""Families that cannot leave the machine."""


def calls(trace: str) -> Counter[tuple[str, str, str]]:
    """How often each call (connect, bind, sendto...) was made for a family and an address."""
    found: Counter[tuple[str, str, str]] = Counter()
    for line in trace.split("\n"):
        match = ADDRESS.search(line)
        if match:
            place = PLACE.search(match["rest"])
            where = next(filter(None, place.groups()), "") if place else ""
            found[match["call"], match["family"], where] += 1
    return found


def outside(found: Counter[tuple[str, str, str]]) -> list[str]:
    """Addresses that are not of this machine."""
    named = {where for _, family, where in found if family not in HARMLESS}
    return sorted(where for where in named if not where.startswith("127.") and where != "::1")


def follow(page: str, seconds: float) -> Counter[str]:
    """Open the page in a browser for a while; origin -> how many requests went there."""
    asked: Counter[str] = Counter()

    def note(method: str, params: dict[str, object]) -> None:
        url = ""
        if method == "Network.requestWillBeSent":
            url = params["request"]["url"]  # type: ignore[index, call-overload]
        elif method == "Network.webSocketCreated":
            url = str(params["url"])
        if url:
            parts = urlsplit(str(url))
            asked[f"{parts.scheme}://{parts.netloc}"] += 1

    with tempfile.TemporaryDirectory() as profile, browsing(Path(profile)) as tab:
        tab.told = note
        tab.call("Network.enable")
        tab.call("Page.enable")
        tab.open(page)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            tab.evaluate("1")
            time.sleep(0.1)
    return asked


def observe(recording: Path, seconds: float) -> tuple[Counter[tuple[str, str, str]], Counter[str]]:
    """Play the recording under strace and follow its page; what both have asked for."""
    with tempfile.TemporaryDirectory() as folder:
        trace, log = Path(folder) / "trace", Path(folder) / "log"
        command = [
            "strace", "-f", "-qq", "-o", str(trace), "-e", "trace=connect,bind,sendto,sendmsg,sendmmsg",
            sys.executable, "emotrack.py", "live", "--play", str(recording), "--whisper", "tiny.en",
            "--seconds", str(seconds), "--no-console", "--port", "0", "--set", "feed.linger_s=20",
        ]  # fmt: skip
        quiet = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "ORT_"))}
        with log.open("w") as lines, subprocess.Popen(command, cwd=ROOT, env=quiet, stderr=lines) as process:
            asked = follow(_page(log, process), seconds)
            process.wait(PATIENCE_S)
        return calls(trace.read_text(errors="replace")), asked


def _page(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while "Page: " not in (text := log.read_text()):
        if time.monotonic() > deadline or process.poll() is not None:
            sys.exit(f"The run does not begin.\n{text}")
        time.sleep(0.1)
    return text.partition("Page: ")[2].partition("\n")[0]


def main() -> int:
    """Print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    found, asked = observe(options.recording.resolve(), options.seconds)
    print("the run:")
    for (call, family, where), count in sorted(found.items()):
        print(f"  {count:4d} x {call:8} {family:9} {where}")
    print("the page:")
    for origin, count in sorted(asked.items()):
        print(f"  {count:4d} x {re.sub(r':[0-9]+$', ':PORT', origin)}")
    strange = outside(found)
    strange += [origin for origin in asked if urlsplit(origin).hostname not in {"127.0.0.1", None}]
    print("outside this machine:", ", ".join(strange) or "nothing")
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main())
