"""The first start: what is missing is said before anything is fetched, and fetching can be cancelled."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace

import httpx2
import pytest
from PySide6.QtWidgets import QApplication

from core.errors import ConfigError, WeightsError
from core.weights import Step, fetch, find
from core.weights.cache import partial_folder
from core.weights.packages import Packages
from core.weights.web import Web
from realtime.config import LiveConfig
from realtime.desktop.downloads import Downloads, Fetcher, explained
from realtime.desktop.first_run import FirstRun, ReadinessChecks, check_checkpoint, is_first_run, needed
from realtime.desktop.settings import Settings
from realtime.doctor import Check

Until = Callable[..., None]
Open = Callable[..., FirstRun]

FINE = Check("checkpoint", "ok", "default is ready.")
NAMES = ["silero-vad", "yunet", "wespeaker", "minilm", "whisper-base"]


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOTRACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EMOTRACK_WEIGHTS", raising=False)
    monkeypatch.delenv("EMOTRACK_OFFLINE", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "desktop.yaml")


@pytest.fixture
def open_dialog(app: QApplication, settings: Settings) -> Iterator[Open]:
    made: list[FirstRun] = []

    def make(fetcher: Fetcher = fetch, checkpoint: Check = FINE, devices: tuple[Check, ...] = ()) -> FirstRun:
        readiness = ReadinessChecks(lambda _config: checkpoint, lambda _config, _opening: iter(devices))
        dialog = FirstRun(settings, downloads=lambda n: Downloads(n, fetcher), readiness=readiness)
        dialog.show()
        made.append(dialog)
        return dialog

    yield make
    for dialog in made:
        dialog.reject()
        dialog.deleteLater()


class Fetching:
    """Brings half of every weight, waits until it may go on, and brings the rest."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go_on = threading.Event()
        self.folders: list[tuple[Path | None, bool]] = []

    def __call__(self, name: str, *, from_dir, offline, progress, web, packages) -> Path:
        self.asked.append(name)
        self.folders.append((from_dir, offline))
        file = find(name).files[0]
        progress(Step(name, file.name, (file.size + 1) // 2, file.size))
        self.go_on.wait(10)
        progress(Step(name, file.name, file.size, file.size))
        return Path()


def failing(error: WeightsError) -> Fetcher:
    def fetcher(name: str, **_means: object) -> Path:
        raise error

    return fetcher


def states(dialog: FirstRun) -> list[str]:
    return [label.text() for label in dialog.models._lines.values()]


def test_sizes_licences_and_sources_are_shown_before_anything_is_asked_for(open_dialog: Open) -> None:
    fetching = Fetching()
    dialog = open_dialog(fetching)
    words = " ".join(label.text() for label in dialog.findChildren(type(dialog.state)))
    for name in NAMES:
        weight = find(name)
        assert f"{name}, " in words
        assert f"licence {weight.licence}, from " in words
    assert states(dialog) == ["! not here yet"] * 5
    assert dialog.models.download.text() == "&Download 267 MB"
    assert "are free" in dialog.models.summary.text()
    assert dialog.state.text() == "! Still missing: models."
    assert not dialog.go_on.isEnabled()
    dialog.accept()
    assert dialog.isVisible()
    assert fetching.asked == []


def test_no_address_is_asked_for_before_the_button_is_pressed(
    open_dialog: Open, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    asked: list[str] = []

    def refuse(host: str, *_rest: object, **_options: object) -> list[object]:
        asked.append(host)
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(Downloads, "_run_pip", lambda *_words: CompletedProcess([], 1, "", "ERROR: no"))
    dialog = open_dialog()
    looked: list[int] = []
    dialog._timer.timeout.connect(lambda: looked.append(1))
    until(lambda: len(looked) > 3)
    assert asked == []
    dialog.models.download.click()
    until(lambda: "No connection" in dialog.models.problem.text())
    assert "huggingface.co" in asked
    assert states(dialog) == ["✗ not fetched"] * 5
    assert "huggingface.co is out of reach" in dialog.models.details.toPlainText()
    assert dialog.models.download.isVisible()


def test_progress_is_shown_and_at_the_end_one_can_go_on(
    open_dialog: Open, settings: Settings, until: Until
) -> None:
    fetching = Fetching()
    dialog = open_dialog(fetching)
    dialog.models.download.click()
    until(lambda: states(dialog) == ["50 % fetched", *["waiting"] * 4])
    assert dialog.models.bar.isVisible()
    assert not dialog.models.download.isVisible()
    fetching.go_on.set()
    until(lambda: states(dialog) == ["✓ here"] * 5)
    until(dialog.go_on.isEnabled)
    assert dialog.models.summary.text() == "✓ All models are here (267 MB)."
    dialog.go_on.click()
    assert dialog.result() == dialog.DialogCode.Accepted
    assert settings.exists
    assert settings.read() == LiveConfig()


def test_a_download_that_is_cancelled_can_be_begun_again(open_dialog: Open, until: Until) -> None:
    fetching = Fetching()
    dialog = open_dialog(fetching)
    dialog.models.download.click()
    until(lambda: "50 % fetched" in states(dialog))
    dialog.models.cancel.click()
    assert "what came is kept" in dialog.models.summary.text()
    fetching.go_on.set()
    until(lambda: states(dialog) == ["! not here yet"] * 5)
    assert fetching.asked == ["silero-vad"]
    dialog.models.download.click()
    until(lambda: states(dialog) == ["✓ here"] * 5)


def test_leaving_the_window_ends_the_download(open_dialog: Open, until: Until) -> None:
    fetching = Fetching()
    dialog = open_dialog(fetching)
    dialog.models.download.click()
    until(lambda: "50 % fetched" in states(dialog))
    dialog.later.click()
    fetching.go_on.set()
    until(lambda: not dialog._downloads.running)
    assert fetching.asked == ["silero-vad"]


@contextmanager
def answer(url: str, headers: Mapping[str, str], asked: list[str | None], arrived: threading.Event):
    """A server that sends a quarter of a file, and then one byte after the other."""
    asked.append(headers.get("Range"))
    size = find("silero-vad").size
    start = int(headers["Range"].removeprefix("bytes=").rstrip("-")) if "Range" in headers else 0

    def content() -> Iterator[bytes]:
        yield bytes(size // 4)
        arrived.set()
        for _ in range(size):
            yield b"\0"

    status = 206 if start else 200
    yield httpx2.Response(status, content=content(), request=httpx2.Request("GET", url))


def test_what_came_before_a_cancellation_is_not_fetched_again(until: Until) -> None:
    asked: list[str | None] = []
    arrived = threading.Event()

    def real(name: str, *, web: Web, **means: object) -> Path:
        return fetch(name, web=Web(lambda url, headers: answer(url, headers, asked, arrived)), **means)

    for _ in range(2):
        arrived.clear()
        downloads = Downloads(["silero-vad"], real)
        downloads.start()
        until(arrived.is_set)
        downloads.cancel()
        until(lambda now=downloads: not now.running)
        [item] = downloads.snapshot()
        assert item.state == "absent"
    part = find("silero-vad").size // 4
    assert asked[0] is None
    assert asked[1] is not None
    assert int(asked[1].removeprefix("bytes=").rstrip("-")) >= part
    assert next(partial_folder("silero-vad").glob("*.part")).stat().st_size >= part


def test_pip_is_ended_when_the_download_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    slow = tmp_path / "python"
    slow.write_text(f"#!/bin/sh\necho begun > {tmp_path / 'begun'}\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))

    def by_package(name: str, *, packages: Packages, **_means: object) -> Path:
        packages._run_pip(["download"], {"PATH": "/bin:/usr/bin"})
        return Path()

    downloads = Downloads(["yunet"], by_package)
    downloads.start()
    until((tmp_path / "begun").exists)
    downloads.cancel()
    until(lambda: not downloads.running, 3.0)
    assert downloads.snapshot()[0].state == "absent"


def unreachable(url: str, headers: Mapping[str, str]):
    raise httpx2.ConnectError("[Errno 111] Connection refused")


def test_a_disk_without_room_is_said_before_and_after(
    open_dialog: Open, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=1_000_000))
    dialog = open_dialog()
    assert dialog.models.summary.text() == "✗ 267 MB are to be fetched, and only 1.0 MB are free."
    dialog.models.download.click()
    until(lambda: "The disk is full" in dialog.models.problem.text())


def test_reasons_are_told_in_a_sentence_and_in_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def error(web: Web | None = None, **means: object) -> WeightsError:
        no_pip = Packages(lambda _words, _env: CompletedProcess([], 1, "", "ERROR: No matching distribution"))
        with pytest.raises(WeightsError) as caught:
            fetch("minilm", web=web or Web(unreachable), packages=no_pip, **means)
        return caught.value

    @contextmanager
    def forbidden(url: str, headers: Mapping[str, str]):
        yield httpx2.Response(403, request=httpx2.Request("GET", url))

    assert explained(error()).startswith("No connection.")
    assert "details" in explained(error(Web(forbidden)))
    assert explained(error(from_dir=tmp_path, offline=True), in_folder=True).startswith("The folder")
    monkeypatch.setenv("EMOTRACK_OFFLINE", "1")
    assert "switched off" in explained(error())


def test_a_failure_is_shown_once_with_its_details_behind_a_button(open_dialog: Open, until: Until) -> None:
    dialog = open_dialog(failing(WeightsError("the cache cannot be used.", fix="Name another.")))
    dialog.models.download.click()
    until(lambda: dialog.models.problem.text() == "✗ the cache cannot be used.")
    assert not dialog.models.details.isVisible()
    dialog.models.more.click()
    assert dialog.models.details.isVisible()
    assert dialog.models.details.toPlainText().count("Name another.") == 5


def test_files_can_be_taken_out_of_a_folder_without_any_network(tmp_path: Path, until: Until) -> None:
    fetching = Fetching()
    fetching.go_on.set()
    downloads = Downloads(["yunet"], fetching)
    downloads.start(tmp_path)
    until(lambda: downloads.complete)
    assert fetching.folders == [(tmp_path, True)]


def test_devices_are_tried_on_demand_and_each_finding_has_a_sign_and_advice(
    open_dialog: Open, until: Until
) -> None:
    found = (
        Check("microphone", "ok", "USB microphone: peak -20 dBFS, mean -30 dBFS."),
        Check("camera", "failed", "camera: the device is not there.", "Plug one in."),
    )
    dialog = open_dialog(devices=found)
    assert dialog._lines == []
    dialog.test.click()
    until(lambda: len(dialog._lines) == 2)
    assert dialog._lines[0].text() == "✓ microphone: USB microphone: peak -20 dBFS, mean -30 dBFS."
    assert dialog._lines[1].text() == "✗ camera: the device is not there. Plug one in."
    until(dialog.test.isEnabled)


def test_leaving_the_window_closes_devices_that_are_being_tried(
    settings: Settings, app, until: Until
) -> None:
    class Source:
        closed = threading.Event()

        def stop(self) -> None:
            self.closed.set()

        close = stop

    def devices(_config, opening):
        opening(source := Source())
        source.closed.wait(10)
        yield Check("microphone", "ok", "fine.")

    dialog = FirstRun(settings, readiness=ReadinessChecks(lambda _config: FINE, devices))
    dialog.show()
    dialog.test.click()
    until(lambda: dialog.devices.text().startswith("● The devices are open"))
    dialog.later.click()
    assert Source.closed.is_set()
    dialog.deleteLater()


def test_without_a_checkpoint_one_cannot_go_on(open_dialog: Open, until: Until) -> None:
    fetching = Fetching()
    fetching.go_on.set()
    dialog = open_dialog(fetching, Check("checkpoint", "failed", "runs/x is no checkpoint.", "Name another."))
    dialog.models.download.click()
    until(lambda: states(dialog) == ["✓ here"] * 5)
    until(lambda: dialog.state.text() == "! Still missing: a checkpoint.")
    assert not dialog.go_on.isEnabled()
    assert dialog.checkpoint.text() == "✗ runs/x is no checkpoint. Name another."


def test_a_checkpoint_that_is_not_there_is_said_and_one_that_is_needs_preparing(tmp_path: Path) -> None:
    absent = check_checkpoint(LiveConfig(checkpoint=tmp_path / "absent"))
    assert absent.outcome == "failed"
    assert "absent" in absent.finding
    shipped = check_checkpoint(LiveConfig())
    assert shipped.outcome == "ok"
    assert "prepares it" in shipped.finding  # the cache of this test is empty


def test_it_is_a_first_run_until_there_are_settings_and_models(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_first_run(settings)
    settings.create()
    assert is_first_run(settings)
    monkeypatch.setattr("realtime.desktop.first_run.is_ready", lambda _weight: True)
    assert not is_first_run(settings)
    settings.path.write_text("a: [")
    with pytest.raises(ConfigError):
        is_first_run(settings)


def test_the_recogniser_that_was_chosen_is_the_one_that_is_needed() -> None:
    config = LiveConfig.from_mapping({"whisper": {"size": "tiny.en"}}, where="test")
    assert [weight.name for weight in needed(config)] == [*NAMES[:4], "whisper-tiny.en"]
