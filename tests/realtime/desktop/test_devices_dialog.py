"""Devices and settings: nothing is opened unasked, everything is closed, and what is chosen is remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLabel, QLineEdit

from core.errors import ConfigError, PolicyError
from core.policy import policy_of
from realtime.desktop.device_probe import open_device
from realtime.desktop.device_row import DeviceRow
from realtime.desktop.device_views import describe_level
from realtime.desktop.devices_dialog import DevicesDialog
from realtime.desktop.settings import Settings
from realtime.sources.devices import Device
from tests.realtime.desktop.fakes import DEVICES, FakeHardware, lost
from tests.realtime.pulse import PulseDaemon
from tests.realtime.sources.cameras import CameraServer, mjpeg

Until = Callable[..., None]
Open = Callable[..., DevicesDialog]

FIX = "Plug one in, or choose another one."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "desktop.yaml")


@pytest.fixture
def hardware() -> FakeHardware:
    return FakeHardware()


@pytest.fixture
def open_dialog(app: QApplication, settings: Settings, hardware: FakeHardware) -> Iterator[Open]:
    made: list[DevicesDialog] = []

    def make(**options: object) -> DevicesDialog:
        dialog = DevicesDialog(settings, "It can be hidden.", hardware=hardware.hardware, **options)
        dialog.show()
        made.append(dialog)
        return dialog

    yield make
    for dialog in made:
        dialog.reject()
        dialog.deleteLater()


def row(dialog: DevicesDialog, kind: str) -> DeviceRow:
    return next(row for row in dialog.devices.rows if row.kind == kind)


def entries(dialog: DevicesDialog, kind: str) -> list[str]:
    choice = row(dialog, kind).choice.list
    return [choice.itemText(index) for index in range(choice.count())]


def choose(dialog: DevicesDialog, kind: str, value: str) -> None:
    choice = row(dialog, kind).choice.list
    choice.setCurrentIndex(choice.findData(value))


def test_no_device_is_opened_before_somebody_agrees_and_none_after_the_window_is_closed(
    open_dialog: Open, hardware: FakeHardware, until: Until
) -> None:
    dialog = open_dialog()
    until(lambda: "USB microphone" in entries(dialog, "microphone"))
    assert hardware.opened == []
    assert "nothing is kept" in dialog.devices.promise.text()
    dialog.devices.agree.click()
    until(lambda: sorted(hardware.open_now) == ["camera", "microphone"])
    assert dialog.devices.sign.text() == "● Open: microphone, camera."
    dialog.reject()
    assert hardware.open_now == []  # at once: whoever goes on may need them


def test_the_devices_can_be_closed_again_without_leaving(
    open_dialog: Open, hardware: FakeHardware, until: Until
) -> None:
    dialog = open_dialog()
    dialog.devices.agree.click()
    until(lambda: row(dialog, "camera").preview.has_picture)
    dialog.devices.agree.click()
    assert hardware.open_now == []
    assert not row(dialog, "camera").preview.has_picture
    assert dialog.devices.sign.text() == ""


def test_a_level_is_shown_as_a_bar_a_figure_and_a_word(open_dialog: Open, until: Until) -> None:
    dialog = open_dialog()
    dialog.devices.agree.click()
    meter = row(dialog, "microphone").meter
    until(lambda: meter.words.text() == "✓ −20 dBFS, heard well")
    until(lambda: -40 < meter.bar.value() < -19)


@pytest.mark.parametrize(
    ("peak_dbfs", "quiet_is_bad", "word", "role"),
    [
        (-np.inf, True, "digital silence", "warn"),
        (-np.inf, False, "digital silence", "soft"),
        (-65.0, True, "very quiet", "warn"),
        (-65.0, False, "very quiet", "soft"),
        (-20.0, True, "heard well", "good"),
        (0.0, True, "too loud", "warn"),
    ],
)
def test_levels_have_words(peak_dbfs: float, quiet_is_bad: bool, word: str, role: str) -> None:
    words, found = describe_level(peak_dbfs, quiet_is_bad=quiet_is_bad)
    assert word in words
    assert found == role


def test_a_picture_is_shown_as_it_came(open_dialog: Open, until: Until) -> None:
    dialog = open_dialog()
    dialog.devices.agree.click()
    preview = row(dialog, "camera").preview
    until(lambda: preview.has_picture)
    image: QImage = preview.grab().toImage()
    middle = image.pixelColor(image.width() // 2 + 20, image.height() // 2)
    assert (middle.red(), middle.green(), middle.blue()) == (0, 200, 100)
    assert "160 by 90" in preview.accessibleDescription()


def test_devices_appear_and_vanish_and_what_was_chosen_stays(
    open_dialog: Open, hardware: FakeHardware, settings: Settings, until: Until
) -> None:
    dialog = open_dialog()
    until(lambda: "Built-in array" in entries(dialog, "microphone"))
    choose(dialog, "microphone", "array")
    hardware.plugged = (*DEVICES[2:], Device("microphone", "new", "Headset", False))
    until(lambda: "Headset" in entries(dialog, "microphone"))
    assert "USB microphone" not in entries(dialog, "microphone")
    assert "array (not there now)" in entries(dialog, "microphone")
    dialog.accept()
    assert settings.read().sources.microphone == "array"


def test_another_choice_closes_the_device_and_opens_the_other(
    open_dialog: Open, hardware: FakeHardware, until: Until
) -> None:
    dialog = open_dialog()
    until(lambda: "Built-in array" in entries(dialog, "microphone"))
    dialog.devices.agree.click()
    choose(dialog, "microphone", "array")
    until(lambda: [s.device for s in hardware.opened if s.open and s.kind == "microphone"] == ["array"])
    choose(dialog, "microphone", "")
    until(lambda: hardware.open_now == ["camera"])
    assert row(dialog, "microphone").status.text() == "None is used."


def test_what_cannot_be_used_is_said_with_doctors_sentence_and_what_to_do(
    open_dialog: Open, hardware: FakeHardware, until: Until
) -> None:
    hardware.broken["camera"] = lost("camera", "unplugged", "camera: the device is not there.")
    dialog = open_dialog()
    dialog.devices.agree.click()
    until(lambda: row(dialog, "camera").status.text() == f"✗ camera: the device is not there. {FIX}")


def test_while_a_run_captures_its_camera_is_left_to_it(
    open_dialog: Open, hardware: FakeHardware, until: Until
) -> None:
    dialog = open_dialog(capturing=True)
    dialog.devices.agree.click()
    until(lambda: hardware.open_now == ["microphone"])
    assert "the run" in row(dialog, "camera").preview.accessibleDescription().lower()


@pytest.mark.parametrize("purpose", ["workplace", "education"])
def test_a_purpose_without_faces_offers_no_camera_and_says_why(
    open_dialog: Open, settings: Settings, hardware: FakeHardware, until: Until, purpose: str
) -> None:
    settings.change({"engine.purpose": purpose, "sources.camera": "0"})
    dialog = open_dialog()
    assert [one.kind for one in dialog.devices.rows] == ["microphone", "loopback"]
    words = " ".join(label.text() for label in dialog.devices.findChildren(QLabel))
    assert policy_of(purpose).why in words
    dialog.devices.agree.click()
    until(lambda: hardware.open_now == ["microphone"])
    assert not dialog.tracking.purpose.isEnabled()
    dialog.accept()
    assert settings.read().sources.camera == "0"  # what is not offered is not touched


def test_pictures_are_refused_where_no_face_may_be_looked_at_even_when_asked_for() -> None:
    with pytest.raises(PolicyError):
        open_device("camera", "0", policy_of("workplace"))


def test_a_purpose_that_is_proposed_is_written_where_it_binds_nobody(
    open_dialog: Open, settings: Settings
) -> None:
    dialog = open_dialog()
    dialog.tracking.purpose.setCurrentIndex(dialog.tracking.purpose.findData("workplace"))
    dialog.accept()
    assert settings.read().desktop.purpose == "workplace"
    assert settings.read().engine.purpose == "personal"


def test_all_choices_are_written_and_told_of(open_dialog: Open, settings: Settings, tmp_path: Path) -> None:
    dialog = open_dialog()
    told: list[bool] = []
    dialog.applied.connect(lambda: told.append(settings.exists))
    dialog.tracking.size_.setCurrentIndex(dialog.tracking.size_.findData("tiny.en"))
    dialog.tracking.checkpoint.setText(str(tmp_path))
    dialog.window_.theme.setCurrentIndex(2)
    dialog.window_.scale.setValue(150)
    dialog.window_.stop_key.clear()
    row(dialog, "camera").choice.list.setCurrentIndex(row(dialog, "camera").choice.list.count() - 1)
    row(dialog, "camera").choice.address.setText("rtsp://door/1")
    dialog.apply.click()
    config = settings.read()
    assert (config.whisper.size, config.checkpoint) == ("tiny.en", tmp_path)
    assert (config.desktop.theme, config.desktop.scale, config.desktop.stop_key) == ("dark", 1.5, None)
    assert config.sources.camera == "rtsp://door/1"
    assert told == [True]
    again = open_dialog()
    assert again.devices.changes()["sources.camera"] == "rtsp://door/1"


def test_real_devices_show_their_level_and_their_picture(
    app: QApplication, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    (folder := tmp_path / "pulse").mkdir()
    daemon = PulseDaemon(folder).start()
    try:
        with CameraServer(mjpeg) as camera:
            for name, value in daemon.environment.items():
                monkeypatch.setenv(name, value)
            address = f"http://127.0.0.1:{camera.port}/"
            settings.change({"sources.camera": address, "sources.loopback": "default"})
            dialog = DevicesDialog(settings, "")
            dialog.show()
            until(lambda: "Microphone" in entries(dialog, "microphone"))
            daemon.play(0.3 * np.sin(np.arange(480_000) * 0.1))
            dialog.devices.agree.click()
            until(lambda: "heard well" in row(dialog, "loopback").meter.words.text(), 15.0)
            until(lambda: "very quiet" in row(dialog, "microphone").meter.words.text(), 15.0)
            until(lambda: "160 by 120" in row(dialog, "camera").preview.accessibleDescription(), 15.0)
            probes = [row.probe for row in dialog.devices.rows if row.probe is not None]
            dialog.reject()
            assert not any(probe._thread.is_alive() for probe in probes)
            dialog.deleteLater()
    finally:
        daemon.kill()


def test_what_cannot_be_written_is_said_and_the_window_stays(open_dialog: Open, settings: Settings) -> None:
    dialog = open_dialog()
    dialog.window_.stop_key.setText("F1")
    dialog.apply.click()
    assert dialog.isVisible()
    assert "stop_key" in dialog.problem.text()
    assert not settings.exists


def test_leaving_without_applying_changes_nothing(open_dialog: Open, settings: Settings) -> None:
    dialog = open_dialog()
    dialog.window_.scale.setValue(200)
    dialog.cancel.click()
    assert not settings.exists


def test_damaged_settings_open_no_window(app: QApplication, settings: Settings) -> None:
    settings.path.write_text("sources: [")
    with pytest.raises(ConfigError, match="is not YAML"):
        DevicesDialog(settings, "", hardware=FakeHardware().hardware)


def test_a_part_of_the_screen_is_drawn_with_the_mouse_or_typed(
    open_dialog: Open, settings: Settings, hardware: FakeHardware, until: Until
) -> None:
    dialog = open_dialog()
    screen = row(dialog, "screen")
    choose(dialog, "screen", "\0region")
    dialog.devices.agree.click()
    until(lambda: screen.preview.has_picture)
    assert [s.device for s in hardware.opened if s.kind == "screen"] == ["0,0,1920,1080"]
    until(lambda: screen.preview.height() == screen.preview.sizeHint().height())
    place = screen.preview._place()
    corner, middle = place.topLeft(), place.center() + QPoint(1, 1)
    QTest.mousePress(screen.preview, Qt.MouseButton.LeftButton, pos=corner)
    QTest.mouseMove(screen.preview, middle)
    QTest.mouseRelease(screen.preview, Qt.MouseButton.LeftButton, pos=middle)
    left, top, width, height = screen.region.region
    assert (left, top) == (0, 0)
    assert abs(width - 960) < 40
    assert abs(height - 540) < 40
    screen.region.fields[0].setValue(100)
    dialog.accept()
    assert settings.read().sources.screen == f"100,0,{width},{height}"


def test_a_region_that_was_chosen_before_is_shown_again(open_dialog: Open, settings: Settings) -> None:
    settings.change({"sources.screen": "10,20,300,200"})
    dialog = open_dialog()
    assert row(dialog, "screen").region.region == (10, 20, 300, 200)
    assert dialog.devices.changes()["sources.screen"] == "10,20,300,200"


def test_every_field_has_a_name_for_screen_readers(open_dialog: Open) -> None:
    dialog = open_dialog()
    buddies = {label.buddy() for label in dialog.findChildren(QLabel)}
    fields = [
        field for kind in (QComboBox, QAbstractSpinBox, QLineEdit) for field in dialog.findChildren(kind)
    ]
    for field in fields:
        if not isinstance(field.parent(), QAbstractSpinBox):
            assert field.accessibleName() or field in buddies, field
    for button in (dialog.devices.agree, dialog.tracking.browse, dialog.apply, dialog.cancel):
        assert button.text()
