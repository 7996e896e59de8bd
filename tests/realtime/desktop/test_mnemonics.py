"""Alt and a letter reach one thing: no two mnemonics that can be used at the same time are alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QAbstractButton, QApplication, QGroupBox, QLabel, QTabWidget, QWidget

from core.errors import WeightsError
from core.labels import Purpose
from realtime.consent.ledger import Ledger
from realtime.desktop.actions import Actions, Tray
from realtime.desktop.consent_dialog import ConsentDialog
from realtime.desktop.devices_dialog import DevicesDialog
from realtime.desktop.downloads import Downloads
from realtime.desktop.first_run import FirstRun
from realtime.desktop.settings import Settings
from realtime.desktop.status import Phase, TrackerStatus
from realtime.desktop.window import TrackerWindow
from tests.realtime.desktop.fakes import FakeHardware

Until = Callable[..., None]


def mnemonics(window: QWidget) -> list[str]:
    """Keys of everything in a window that can be seen."""
    texts: list[str] = []
    for widget in window.findChildren(QWidget):
        if not widget.isVisibleTo(window):
            continue
        if (isinstance(widget, QLabel) and widget.buddy() is not None) or isinstance(widget, QAbstractButton):
            texts.append(widget.text())
        elif isinstance(widget, QGroupBox):
            texts.append(widget.title())
        elif isinstance(widget, QTabWidget):
            texts += [widget.tabText(index) for index in range(widget.count())]
    return keys(texts)


def keys(texts: Iterable[str]) -> list[str]:
    found = [QKeySequence.mnemonic(text).toString() for text in texts]
    return [key for key in found if key]


def collisions(found: list[str]) -> dict[str, int]:
    assert found, "there are keys at all"
    return {key: count for key, count in Counter(found).items() if count > 1}


@pytest.mark.parametrize("fixed", [True, False])
def test_of_the_question_for_consent(app: QApplication, tmp_path: Path, fixed: bool) -> None:
    dialog = ConsentDialog("personal", fixed=fixed, ledger=Ledger(tmp_path / "consent.jsonl"))
    assert collisions(mnemonics(dialog)) == {}


@pytest.mark.parametrize("purpose", ["personal", "workplace"])
@pytest.mark.parametrize("region", [True, False])
def test_of_each_page_of_the_settings(
    app: QApplication, tmp_path: Path, purpose: Purpose, region: bool
) -> None:
    settings = Settings(tmp_path / "desktop.yaml")
    settings.change({"sources.screen": "10,20,300,200" if region else "0"})
    dialog = DevicesDialog(settings, "Hidden.", hardware=FakeHardware().hardware, purpose=purpose)
    dialog.show()
    for index in range(dialog.pages.count()):
        dialog.pages.setCurrentIndex(index)
        assert collisions(mnemonics(dialog)) == {}
    dialog.pages.setCurrentIndex(0)
    before = mnemonics(dialog)
    dialog.devices.agree.click()
    assert dialog.devices.probing
    assert collisions(mnemonics(dialog)) == {}
    assert ("Alt+H" in before) == (region and purpose == "personal"), "the height of a region"
    dialog.close()


def test_of_the_first_run_while_downloads_failed(
    app: QApplication, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.desktop.downloads.is_ready", lambda _weight: False)

    def refuse(name: str, **_: object) -> Path:
        raise WeightsError(f"{name} cannot be had.")

    dialog = FirstRun(
        Settings(tmp_path / "desktop.yaml"), downloads=lambda _: Downloads(["whisper-base"], refuse)
    )
    dialog.show()
    assert collisions(mnemonics(dialog)) == {}
    dialog.models.download.click()
    until(dialog.models.more.isVisible)
    assert {"Alt+D", "Alt+E", "Alt+T"} <= set(mnemonics(dialog)), "download, details, test"
    assert collisions(mnemonics(dialog)) == {}
    dialog.close()


@pytest.mark.parametrize(
    "now",
    [
        TrackerStatus(),
        TrackerStatus(Phase.RUNNING, connected=True, capturing=True),
        TrackerStatus(
            Phase.RUNNING,
            connected=True,
            capturing=True,
            audio_devices=("microphone", "loudspeaker"),
            video_devices=("camera",),
        ),
    ],
)
def test_of_the_menus(app: QApplication, now: TrackerStatus) -> None:
    actions = Actions()
    window, tray = TrackerWindow(actions), Tray(actions)
    actions.update_status(now)
    for menu in (window.menu, tray.menu):
        shown = [action.text() for action in menu.actions() if action.isVisible()]
        assert collisions(keys(shown)) == {}
    window.deleteLater()
