"""The real window of `emotrack desktop` in a process of its own, which tells what it shows.

Standard input takes names of actions ("mark", "mute_audio"...) and "close"; standard output gives one line of
JSON whenever what is shown has changed. The arguments are those of the command.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtCore import QSocketNotifier, QTimer
from PySide6.QtWidgets import QLabel

from realtime.desktop import application
from realtime.desktop.controller import Controller


class Observed(Controller):
    """The controller, and somebody who looks at it and presses what is asked for."""

    def open(self) -> None:
        super().open()
        self._said = ""
        self._timer = QTimer(self, interval=50)
        self._timer.timeout.connect(self._tell)
        self._timer.start()
        self._orders = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
        self._orders.activated.connect(self._press)

    def _press(self) -> None:
        orders = os.read(sys.stdin.fileno(), 4096).decode()
        if not orders:
            self._orders.setEnabled(False)
        for order in orders.split():
            if order == "close":
                self.window.close()
            else:
                getattr(self.actions, order).trigger()

    def _tell(self) -> None:
        labels = [label for label in self.window.findChildren(QLabel) if label.isVisible() and label.text()]
        view_model = {
            "state": self.window.indicator.word if self.window.indicator is not None else "",
            "texts": [label.text() for label in labels],
            "people": [row.person for row in self.session.view_model.rows()],
            "bars": [[bar.percent for bar in row.bars] for row in self.session.view_model.rows()],
            "engine": self.session.pid,
            "mute_video": self.actions.mute_video.isChecked(),
            "marks": self.session.view_model.marks,
            "visible": self.window.isVisible(),
            "tray": self.tray.available,
            "key": self.hotkey.sentence,
        }
        said = json.dumps(view_model)
        if said != self._said:
            self._said = said
            sys.stdout.write(said + "\n")
            sys.stdout.flush()


application.Controller = Observed

if __name__ == "__main__":
    import emotrack

    sys.exit(emotrack.main(["desktop", *sys.argv[1:]]))
