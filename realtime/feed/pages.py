"""The files of the pages as they are served."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Final

WEB: Final = Path(__file__).parent.parent / "web"
_KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_SHEET: Final = re.compile(r'<link rel="stylesheet" href="/([a-z]+\.css)">')


def pages() -> tuple[dict[str, tuple[str, bytes]], str]:
    """Everything that can be asked for, and nothing else.

    Style sheets are put into the pages that link them, so that the first paint waits for one answer only.

    Returns:
        Path -> media type and content; and the sources that a content security policy has to allow for the
        styles, separated by spaces.
    """
    files = {f"/{file.name}": file for file in sorted(WEB.iterdir()) if file.suffix in _KINDS}
    served = {path: (_KINDS[file.suffix], file.read_bytes()) for path, file in files.items()}
    hashes: set[str] = set()

    def put_in(link: re.Match[str]) -> str:
        style = files[f"/{link[1]}"].read_text(encoding="utf-8")
        digest = hashlib.sha256(style.encode()).digest()
        hashes.add(f"'sha256-{base64.b64encode(digest).decode()}'")
        return f"<style>{style}</style>"

    for path, name in {"/": "index", "/ingest": "ingest", "/overlay": "overlay"}.items():
        kind, page = served.pop(f"/{name}.html")
        served[path] = kind, _SHEET.sub(put_in, page.decode()).encode()
    return served, " ".join(sorted(hashes))
