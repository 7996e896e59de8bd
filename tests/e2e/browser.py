"""A headless Chromium that a test steers over its DevTools socket."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import time
from contextlib import contextmanager

from websockets.sync.client import connect

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE_S = 30.0


class Tab:
    """One page."""

    def __init__(self, socket):
        self._socket = socket
        self._ids = itertools.count(1)
        self.told = None  # called with each event of the DevTools protocol, once a domain is enabled

    def call(self, method, **params):
        """Carry out a command of the DevTools protocol and return its result."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if "method" in answer and self.told is not None:
                self.told(answer["method"], answer["params"])
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, script):
        """The value of a JavaScript expression; promises are awaited."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def until(self, script):
        """Wait until a JavaScript expression is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.evaluate(script):
            assert time.monotonic() < deadline, f"never true: {script}\n{self.html()}"
            time.sleep(0.02)

    def html(self):
        return self.evaluate("document.documentElement.outerHTML")

    def picture(self):
        """The page as PNG, in base64."""
        return self.call("Page.captureScreenshot", format="png")["data"]


@contextmanager
def browsing(profile, *options):
    """A tab of a browser with a fresh profile in the folder `profile`."""
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--no-first-run", "--remote-debugging-port=0", f"--user-data-dir={profile}", *options, "about:blank",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_tab_address(profile), compression=None, max_size=None, proxy=None) as socket:
            yield Tab(socket)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)


def _tab_address(profile):
    deadline = time.monotonic() + PATIENCE_S
    file = profile / "DevToolsActivePort"
    while not file.exists() or len(file.read_text().splitlines()) < 2:
        assert time.monotonic() < deadline, "the browser does not start"
        time.sleep(0.05)
    port, path = file.read_text().splitlines()[:2]
    with connect(f"ws://127.0.0.1:{port}{path}", compression=None, proxy=None) as socket:
        targets = Tab(socket).call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
    return f"ws://127.0.0.1:{port}/devtools/page/{page['targetId']}"
