"""What the tests of the window share: one application without a screen, and waiting without sleeping."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication


@pytest.fixture(scope="session")
def app() -> Iterator[QApplication]:
    """The application; Qt allows one in a process."""
    found = QApplication.instance()
    application = found if isinstance(found, QApplication) else QApplication(["emotrack"])
    application.setQuitOnLastWindowClosed(False)
    gc.collect()
    gc.freeze()  # what other tests have loaded is not looked through after each test here
    yield application
    for widget in application.topLevelWidgets():
        widget.close()
    gc.unfreeze()


@pytest.fixture(autouse=True)
def collected_here(app: QApplication) -> Iterator[None]:
    """No other test's thread destroys a widget: garbage is collected before the next test, in this thread."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture
def until(app: QApplication) -> Callable[..., None]:
    """Drive the event loop until a condition holds; fail at the deadline."""

    def drive(condition: Callable[[], object], limit_s: float = 5.0) -> None:
        end_s = time.monotonic() + limit_s
        loop, alarm = QEventLoop(), QTimer(interval=5)
        alarm.timeout.connect(loop.quit)
        alarm.start()
        while not condition():
            assert time.monotonic() < end_s, f"it did not come within {limit_s} s"
            loop.exec()
        alarm.stop()

    return drive
