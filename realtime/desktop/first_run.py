"""The window of the first start: are models, checkpoint and devices there? Each line says it, with a sign."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from core.errors import SinkError
from realtime.desktop.device_test import DeviceTrial
from realtime.desktop.downloads import Downloads
from realtime.desktop.models_card import ModelsCard
from realtime.desktop.readiness import Examination, is_first_run, needed
from realtime.desktop.settings import Settings
from realtime.desktop.texts import Role, fit, say, scrolled, text
from realtime.doctor import Check

__all__ = ["FirstRun", "is_first_run"]

log = logging.getLogger(__name__)

LOOK_MS: Final = 100
_PROMISE: Final = "Nothing is downloaded and no device is opened before you press a button here."
_ROLES: Final[dict[str, Role]] = {"ok": "good", "warning": "warn", "failed": "bad"}
_DEVICES: Final = "The test opens the devices for two seconds. It keeps nothing."


class FirstRun(QDialog):
    """The window. Accepted = go on; it can be as soon as models and checkpoint are there.

    Args:
        settings: they say which models, checkpoint and devices.
        parent: the window that asks.
        downloads: makes what fetches weights of given names; replaced in tests.
        examination: the ways to look at the machine; replaced in tests.

    Raises:
        ConfigError: the settings are damaged.
    """

    def __init__(
        self,
        settings: Settings,
        parent: QWidget | None = None,
        *,
        downloads: Callable[[list[str]], Downloads] = Downloads,
        examination: Examination | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("emotrack: before the first start")
        self._settings = settings
        self._config = settings.read()
        self._examination = examination or Examination()
        self._downloads = downloads([weight.name for weight in needed(self._config)])
        self._trial: DeviceTrial | None = None
        self._checkpoint = self._examination.checkpoint(self._config)
        self.models = ModelsCard(self._downloads, self)
        self.checkpoint = text(*_told(self._checkpoint), self)
        self.devices = text(_DEVICES, "soft", self)
        self._found = QVBoxLayout()
        self._lines: list[QLabel] = []
        self.test = QPushButton("&Test the devices", self)
        self.state = text("", "soft", self)
        self.later = QPushButton("&Not now", self)
        self.go_on = QPushButton("&Go on", self)
        self.go_on.setObjectName("primary")
        self._arrange()
        self.test.clicked.connect(self._try_devices)
        self.later.clicked.connect(self.reject)
        self.go_on.clicked.connect(self.accept)
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()
        self._look()
        fit(self, 92, 44)

    def accept(self) -> None:
        """Go on, if what is necessary is there; the settings remember that this window was seen."""
        if not self._ready:
            return
        try:
            self._settings.begin()
        except SinkError as error:
            log.warning("%s", error)  # it will be shown again
        super().accept()

    def done(self, result: int) -> None:
        """Whichever way the window is left: nothing is fetched any more, and no device stays open."""
        self._timer.stop()
        self._downloads.cancel()
        if self._trial is not None:
            self._trial.stop()
        super().done(result)

    @property
    def _ready(self) -> bool:
        return self._downloads.complete and self._checkpoint.outcome != "failed"

    def _try_devices(self) -> None:
        config, devices = self._config, self._examination.devices
        self._trial = DeviceTrial(lambda opening: devices(config, opening))
        self._show_checks(())
        self._look()

    def _look(self) -> None:
        self.models.look()
        trial = self._trial
        if trial is not None:
            self.test.setEnabled(not trial.running)
            if trial.running:
                say(self.devices, "The devices are open for two seconds. Say something.", "on")
            else:
                say(self.devices, "")
                self._show_checks(trial.checks)
        self.go_on.setEnabled(self._ready)
        if self._ready:
            say(self.state, "Everything that is necessary is there.", "good")
        else:
            what = [] if self._downloads.complete else ["models"]
            what += [] if self._checkpoint.outcome != "failed" else ["a checkpoint"]
            say(self.state, f"Still missing: {' and '.join(what)}.", "warn")

    def _show_checks(self, checks: Iterable[Check]) -> None:
        sentences = [_told(check, named=True) for check in checks]
        while len(self._lines) < len(sentences):
            self._lines.append(text("", "", self))
            self._found.addWidget(self._lines[-1])
        for label in self._lines[len(sentences) :]:
            say(label, "")
        for label, (words, role) in zip(self._lines, sentences, strict=False):
            say(label, words, role)

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        content = QWidget(self)
        inner = QVBoxLayout(content)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(text("Before the first start", "heading", self))
        inner.addWidget(text(_PROMISE, "", self))
        inner.addWidget(self.models)
        inner.addWidget(self._card("Checkpoint", self.checkpoint))
        devices = self._card("Devices", self.devices)
        below = devices.layout()
        assert isinstance(below, QVBoxLayout)
        below.addLayout(self._found)
        row = QHBoxLayout()
        self.test.setAutoDefault(False)
        row.addWidget(self.test)
        row.addStretch(1)
        below.addLayout(row)
        inner.addWidget(devices)
        inner.addStretch(1)
        layout.addWidget(scrolled(content, self), 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.state, 1)
        for button in (self.later, self.go_on):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        layout.addLayout(buttons)

    def _card(self, title: str, *widgets: QWidget) -> QFrame:
        card = QFrame(self)
        card.setObjectName("card")
        inside = QVBoxLayout(card)
        inside.addWidget(text(title, "heading", self))
        for widget in widgets:
            inside.addWidget(widget)
        return card


def _told(check: Check, *, named: bool = False) -> tuple[str, Role]:
    """A finding with what to do about it."""
    name = f"{check.name}: " if named and not check.finding.startswith(check.name) else ""
    return f"{name}{check.finding} {check.fix}".strip(), _ROLES[check.outcome]
