"""The program behind `emotrack desktop`."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from realtime.consent.ledger import ledger_path
from realtime.desktop.controller import Desk
from realtime.desktop.gc import Collector
from realtime.desktop.launch_options import Wishes
from realtime.desktop.signals import Endings
from realtime.desktop.single_instance import Single


class Application:
    """One run of the program.

    Args:
        wishes: what was asked for.
    """

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes
        self._folder = ledger_path().parent

    def run(self) -> int:
        """Stay until the end; returns the exit code."""
        application = QApplication(["emotrack"])
        application.setApplicationName("emotrack")
        application.setDesktopFileName("emotrack")
        application.setQuitOnLastWindowClosed(False)
        Collector(application)
        single = Single(self._folder)
        if not single.take():
            return 0
        try:
            desk = Desk(self._wishes, single)
            desk.open()
            with Endings(desk.leave):
                return application.exec()
        finally:
            single.leave()
