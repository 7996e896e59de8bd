"""The window of `emotrack desktop` as `bench desktop` measures it: its person agrees at once.

Tells one line of JSON when the window is there, and one when it shows the first estimate. The arguments are
those of the command.
"""

from __future__ import annotations

import json
import sys

from realtime.desktop import application
from realtime.desktop.consent_dialog import Agreement
from realtime.desktop.controller import Controller


class _Watched(Controller):
    """The controller, and a look at what it shows."""

    def open(self) -> None:
        super().open()
        self._seen = False
        self.session.changed.connect(self._watch)
        _tell("window")

    def _consent(self) -> Agreement:
        return Agreement("bench", self._options.proposed[0])  # what is captured comes from a file

    def _watch(self) -> None:
        if not self._seen and any(row.bars for row in self.session.view_model.rows()):
            self._seen = True
            _tell("estimate", engine=self.session.pid)


def _tell(what: str, **more: int) -> None:
    sys.stdout.write(json.dumps({"shown": what, **more}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    import emotrack

    application.Controller = _Watched
    sys.exit(emotrack.main(["desktop", *sys.argv[1:]]))
