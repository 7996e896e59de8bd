"""What the pages are made of as they are served."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from realtime.feed.http import WEB, pages

PAGES = {"/": "app.js", "/ingest": "ingest.js", "/overlay": "overlay.js"}


def imported(name):
    """Every module that `name` needs, itself left out."""
    found, open_ = set(), [name]
    while open_:
        text = (WEB / open_.pop()).read_text(encoding="utf-8")
        new = set(re.findall(r'^import [^;]* from "\./([\w.]+)";', text, re.MULTILINE)) - found
        found |= new
        open_ += new
    return found


@pytest.mark.parametrize(("path", "script"), PAGES.items())
def test_a_page_names_every_module_that_it_needs_so_that_none_is_found_late(path, script):
    page = pages()[0][path][1].decode()
    assert set(re.findall(r'<link rel="modulepreload" href="/([\w.]+)">', page)) == imported(script)
    assert f'<script type="module" src="/{script}"></script>' in page


@pytest.mark.parametrize("path", PAGES)
def test_styles_stand_in_the_page_and_the_policy_allows_exactly_these(path):
    files, allowed = pages()
    page = files[path][1].decode()
    assert "stylesheet" not in page
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert styles
    for style in styles:
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in allowed.split()


def test_pages_go_by_their_short_names_alone():
    assert not [path for path in pages()[0] if path.endswith(".html")]
