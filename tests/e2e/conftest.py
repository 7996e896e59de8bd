"""What the tests in a browser share."""

from __future__ import annotations

import json

import pytest

from tests.e2e.browser import browsing


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    """A tab of a browser that lives as long as the file's tests."""
    with browsing(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def drawn(tab):
    """A function that waits until the page shows a text, and until what it has received is drawn."""

    def wait(text):
        tab.until(f"document.body.textContent.includes({json.dumps(text)})")
        frames = "requestAnimationFrame(() => requestAnimationFrame(() => done(true)))"
        tab.evaluate(f"new Promise(done => setTimeout(() => {frames}, 120))")

    return wait
