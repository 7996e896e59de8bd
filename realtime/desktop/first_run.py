"""The window of the first start: are models, checkpoint and devices there? Each line says it, with a sign."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from core.backends.artifacts import export_folder, is_exported
from core.backends.preparation import checkpoint_folder
from core.errors import EmotrackError, SinkError
from core.policy import policy_of
from core.spec import insist_on_live, read_spec
from core.weights import Weight, catalogue, find, is_ready
from core.workers.whisper_rules import is_folder
from realtime.config import LiveConfig
from realtime.desktop.device_probe import DeviceTest
from realtime.desktop.downloads import Downloads
from realtime.desktop.models_card import ModelsCard
from realtime.desktop.settings import Settings, proposed_purpose
from realtime.desktop.texts import Role, in_scroll_area, make_label, resize_to_fit, set_label
from realtime.doctor import Check, examine_devices
from realtime.sources.live import LiveSource
from realtime.sources.open import admitted

DEVICE_TEST_S: Final = 2.0
_WHISPER: Final = "whisper-"


def is_first_run(settings: Settings) -> bool:
    """Whether there are no settings yet, or a model that they need is missing.

    Raises:
        ConfigError: the settings are damaged.
    """
    return not settings.exists or not all(is_ready(weight) for weight in needed(settings.read()))


def needed(config: LiveConfig) -> tuple[Weight, ...]:
    """The weights that a run with this configuration loads.

    Raises:
        WeightsError: there is no recogniser of that size.
    """
    usual = [w for w in catalogue() if w.group == "replay" and not w.name.startswith(_WHISPER)]
    size = config.whisper.size
    return tuple(usual) if is_folder(size) else (*usual, find(f"{_WHISPER}{size}"))


def check_checkpoint(config: LiveConfig) -> Check:
    """Whether the checkpoint is there and fits."""
    try:
        folder = checkpoint_folder(config.checkpoint)
        spec = read_spec(folder)
        insist_on_live(spec, folder)
    except EmotrackError as error:
        return Check("checkpoint", "failed", f"{error.where or ''} {error.what}".strip(), error.fix or "")
    if is_exported(spec, export_folder(spec)):
        return Check("checkpoint", "ok", f"{folder.name} is ready.")
    soon = "The first start prepares it for this machine; that takes about a minute."
    return Check("checkpoint", "ok", f"{folder.name} is here. {soon}")


def check_permitted_devices(config: LiveConfig, opening: Callable[[LiveSource], None]) -> Iterator[Check]:
    """Try the configured devices that the purpose permits, for a few seconds all together."""
    policy = policy_of(proposed_purpose(config))
    try:
        sources = admitted(config.sources, policy).model_copy(update={"echo_guard": False})
        yield from examine_devices(sources, DEVICE_TEST_S, opening=opening)
    except EmotrackError as error:  # nothing is configured, or nothing that is permitted
        yield Check("devices", "failed", error.what, error.fix or "")


@dataclass(frozen=True, slots=True)
class ReadinessChecks:
    """The ways to look at the machine; replaced in tests.

    Attributes:
        checkpoint: looks at the checkpoint.
        devices: tries the devices; is told what opens them.
    """

    checkpoint: Callable[[LiveConfig], Check] = check_checkpoint
    devices: Callable[[LiveConfig, Callable[[LiveSource], None]], Iterator[Check]] = check_permitted_devices


__all__ = ["FirstRun", "is_first_run"]

log = logging.getLogger(__name__)

REFRESH_MS: Final = 100
_PROMISE: Final = "Nothing is downloaded and no device is opened before you press a button here."
_ROLES: Final[dict[str, Role]] = {"ok": "good", "warning": "warn", "failed": "bad"}
_DEVICES: Final = "The test opens the devices for two seconds. It keeps nothing."


class FirstRun(QDialog):
    """The window. Accepted = go on; it can be as soon as models and checkpoint are there.

    Args:
        settings: they say which models, checkpoint and devices.
        parent: the window that asks.
        downloads: makes what fetches weights of given names; replaced in tests.
        readiness: the ways to look at the machine; replaced in tests.

    Raises:
        ConfigError: the settings are damaged.
    """

    def __init__(
        self,
        settings: Settings,
        parent: QWidget | None = None,
        *,
        downloads: Callable[[list[str]], Downloads] = Downloads,
        readiness: ReadinessChecks | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("emotrack: before the first start")
        self._settings = settings
        self._config = settings.read()
        self._readiness = readiness or ReadinessChecks()
        self._downloads = downloads([weight.name for weight in needed(self._config)])
        self._device_test: DeviceTest | None = None
        self._checkpoint = self._readiness.checkpoint(self._config)
        self.models = ModelsCard(self._downloads, self)
        self.checkpoint = make_label(*_describe_check(self._checkpoint), self)
        self.devices = make_label(_DEVICES, "soft", self)
        self._found = QVBoxLayout()
        self._lines: list[QLabel] = []
        self.test = QPushButton("&Test the devices", self)
        self.state = make_label("", "soft", self)
        self.later = QPushButton("&Not now", self)
        self.go_on = QPushButton("&Go on", self)
        self.go_on.setObjectName("primary")
        self._arrange()
        self.test.clicked.connect(self._test_devices)
        self.later.clicked.connect(self.reject)
        self.go_on.clicked.connect(self.accept)
        self._timer = QTimer(self, interval=REFRESH_MS)
        self._timer.timeout.connect(self._refresh)
        self._timer.start()
        self._refresh()
        resize_to_fit(self, 92, 44)

    def accept(self) -> None:
        """Go on, if what is necessary is there; the settings remember that this window was seen."""
        if not self._ready:
            return
        try:
            self._settings.create()
        except SinkError as error:
            log.warning("%s", error)  # it will be shown again
        super().accept()

    def done(self, result: int) -> None:
        """Whichever way the window is left: nothing is fetched any more, and no device stays open."""
        self._timer.stop()
        self._downloads.cancel()
        if self._device_test is not None:
            self._device_test.stop()
        super().done(result)

    @property
    def _ready(self) -> bool:
        return self._downloads.complete and self._checkpoint.outcome != "failed"

    def _test_devices(self) -> None:
        config, devices = self._config, self._readiness.devices
        self._device_test = DeviceTest(lambda opening: devices(config, opening))
        self._show_checks(())
        self._refresh()

    def _refresh(self) -> None:
        self.models.refresh()
        device_test = self._device_test
        if device_test is not None:
            self.test.setEnabled(not device_test.running)
            if device_test.running:
                set_label(self.devices, "The devices are open for two seconds. Say something.", "on")
            else:
                set_label(self.devices, "")
                self._show_checks(device_test.checks)
        self.go_on.setEnabled(self._ready)
        if self._ready:
            set_label(self.state, "Everything that is necessary is there.", "good")
        else:
            what = [] if self._downloads.complete else ["models"]
            what += [] if self._checkpoint.outcome != "failed" else ["a checkpoint"]
            set_label(self.state, f"Still missing: {' and '.join(what)}.", "warn")

    def _show_checks(self, checks: Iterable[Check]) -> None:
        sentences = [_describe_check(check, named=True) for check in checks]
        while len(self._lines) < len(sentences):
            self._lines.append(make_label("", "", self))
            self._found.addWidget(self._lines[-1])
        for label in self._lines[len(sentences) :]:
            set_label(label, "")
        for label, (words, role) in zip(self._lines, sentences, strict=False):
            set_label(label, words, role)

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        content = QWidget(self)
        inner = QVBoxLayout(content)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(make_label("Before the first start", "heading", self))
        inner.addWidget(make_label(_PROMISE, "", self))
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
        layout.addWidget(in_scroll_area(content, self), 1)
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
        inside.addWidget(make_label(title, "heading", self))
        for widget in widgets:
            inside.addWidget(widget)
        return card


def _describe_check(check: Check, *, named: bool = False) -> tuple[str, Role]:
    """A finding with what to do about it."""
    name = f"{check.name}: " if named and not check.finding.startswith(check.name) else ""
    return f"{name}{check.finding} {check.fix}".strip(), _ROLES[check.outcome]
