"""The program behind `emotrack desktop`."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from realtime.consent.ledger import ledger_path
from realtime.desktop.controller import Controller
from realtime.desktop.gc import GarbageCollector
from realtime.desktop.launch_options import LaunchOptions
from realtime.desktop.signals import TerminationSignals
from realtime.desktop.single_instance import SingleInstance


class Application:
    """One run of the program.

    Args:
        wishes: what was asked for.
    """

    def __init__(self, options: LaunchOptions) -> None:
        self._options = options
        self._folder = ledger_path().parent

    def run(self) -> int:
        """Stay until the end; returns the exit code."""
        application = QApplication(["emotrack"])
        application.setApplicationName("emotrack")
        application.setDesktopFileName("emotrack")
        application.setQuitOnLastWindowClosed(False)
        GarbageCollector(application)
        single = SingleInstance(self._folder)
        if not single.acquire():
            return 0
        try:
            controller = Controller(self._options, single)
            controller.open()
            with TerminationSignals(controller.quit):
                return application.exec()
        finally:
            single.release()
