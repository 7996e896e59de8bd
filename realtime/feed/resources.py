"""What a page can ask for besides the feed's messages: the recording, faces, curves, a summary.

Everything needs a token that allows to read, and passes the checks that every request passes. A player in
a page cannot show a token, so the address of the recording holds a secret of its own, which the token gives.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from realtime.feed.media_file import Piece, media_type, piece

CURVES_PATH: Final = "/v1/curves"
FACES_PATH: Final = "/v1/faces"
RECORDING_PATH: Final = "/v1/recording"
SUMMARY_PATH: Final = "/v1/summary"
MAX_FACES: Final = 12


@dataclass(frozen=True, slots=True)
class RunMedia:
    """Pictures and sound of a run that the machine's own pages may show.

    Attributes:
        recording: the file that is replayed, None where there is none.
        has_video: whether it has pictures.
        faces: gives person -> JPEG of the face at this moment, None where faces are not looked at. It is
            asked only while a page looks, and nothing is kept of what it gives.
    """

    recording: Path | None = None
    has_video: bool = False
    faces: Callable[[], Mapping[str, bytes]] | None = None


class Resources:
    """Answers requests for resources.

    Args:
        media: pictures and sound; they are served on loopback alone.
        on_loopback: whether the feed listens there.
        curves, summary: of the newest session, as JSON values; None = there is none.
    """

    def __init__(
        self,
        media: RunMedia,
        *,
        on_loopback: bool,
        curves: Callable[[], dict[str, Any] | None],
        summary: Callable[[], dict[str, Any] | None],
    ) -> None:
        self._media = media if on_loopback else RunMedia()
        self._secret = secrets.token_urlsafe(32)
        self._answers: dict[str, Callable[[], dict[str, Any] | None]] = {
            CURVES_PATH: curves,
            FACES_PATH: self._faces,
            RECORDING_PATH: self._recording,
            SUMMARY_PATH: summary,
        }

    @property
    def paths(self) -> frozenset[str]:
        """What needs a token."""
        return frozenset(self._answers)

    def answer(self, path: str) -> dict[str, Any] | None:
        """The JSON value at a path of `paths`; None = this run has no such thing."""
        return self._answers[path]()

    def recording(self, path: str, asked: str | None) -> tuple[Piece, str] | None:
        """A part of the recording and its media type; None where `path` is not its address.

        Args:
            path: of the request.
            asked: its `Range` header.
        """
        file = self._media.recording
        shown = path.removeprefix(f"{RECORDING_PATH}/")
        if file is None or shown == path or not hmac.compare_digest(shown.encode(), self._secret.encode()):
            return None
        try:
            return piece(file, asked), media_type(file)
        except OSError:
            return Piece(HTTPStatus.GONE, "", b"The recording cannot be read any more.\n"), "text/plain"

    def _recording(self) -> dict[str, Any] | None:
        if self._media.recording is None:
            return None
        return {"address": f"{RECORDING_PATH}/{self._secret}", "video": self._media.has_video}

    def _faces(self) -> dict[str, Any] | None:
        if self._media.faces is None:
            return None
        faces = list(self._media.faces().items())[:MAX_FACES]
        return {"faces": {person: base64.b64encode(jpeg).decode("ascii") for person, jpeg in faces}}
