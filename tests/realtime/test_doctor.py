"""The verb doctor: what it finds, what it advises, and its exit code."""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path

import pytest

from core.inputs import DeviceState
from realtime import doctor
from realtime.cli import doctor_command
from realtime.doctor import Check, Diagnosis, judge
from realtime.sources.device_items import REASONS
from realtime.sources.device_test import DeviceTestResult
from realtime.sources.devices import Device
from tests import command
from tests.realtime.pulse import PulseDaemon
from tests.realtime.sources.cameras import CameraServer, mjpeg


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    hidden = ("PULSE_SERVER", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR")
    env = {key: value for key, value in os.environ.items() if key not in hidden}
    env |= {"COLUMNS": "120", **environment}
    return command.emotrack("doctor", "--seconds", "0.5", *words, env=env, timeout_s=60)


def audio(**values: object) -> DeviceTestResult:
    result = DeviceTestResult("me", "audio", present=True, reason="", message="USB microphone: delivers.")
    for name, value in values.items():
        setattr(result, name, value)
    return result


def test_a_machine_without_any_device_is_told_so_with_an_exit_code_and_advice(tmp_path: Path) -> None:
    done = run("--screen", "default", XDG_RUNTIME_DIR=str(tmp_path))
    assert done.returncode == 4
    assert done.stdout.startswith("No device was found.")
    lines = done.stdout.splitlines()
    failed = [line.split()[1] for line in lines if line.startswith("failed")]
    assert failed[:4] == ["microphone", "loopback", "camera", "screen"]
    assert "camera: the device is not there (no such camera)." in done.stdout
    assert done.stdout.count("→") == len(failed)
    assert "Traceback" not in done.stdout + done.stderr


def test_a_machine_with_devices_is_well_and_its_levels_are_told(tmp_path: Path) -> None:
    daemon = PulseDaemon(tmp_path).start()
    try:
        with CameraServer(mjpeg) as camera:
            address = f"http://127.0.0.1:{camera.port}/"
            done = run(
                "--camera",
                address,
                "--json",
                PULSE_SERVER=daemon.server,
                XDG_RUNTIME_DIR=str(tmp_path),
            )
    finally:
        daemon.kill()
    report = json.loads(done.stdout)
    checks = {check["name"]: check for check in report["checks"]}
    assert (checks["microphone"]["outcome"], checks["camera"]["outcome"]) == ("warning", "ok")
    assert "very quiet" in checks["microphone"]["finding"]  # the test's microphone hears faint noise only
    assert -85 < checks["microphone"]["details"]["peak_dbfs"] < -60
    assert checks["loopback"]["outcome"] == "ok"
    assert checks["loopback"]["details"]["peak_dbfs"] is None
    assert checks["camera"]["details"]["size"] == [160, 120]
    chosen = [device["id"] for device in report["devices"] if device["is_default"]]
    assert {"mic", "speaker.monitor"} <= set(chosen)
    assert done.returncode == report["exit_code"] == (0 if checks["models"]["outcome"] == "ok" else 6)


DEVICES = {"me": "microphone", "them": "loopback", "camera": "camera", "screen": "screen"}
PASSING = {"overflow", "suspended", "changed"}
"""Reasons that pass by themselves."""
OF_PICTURES, OF_SOUND = {"frozen", "dark"}, {"all_zero"}


def missing(stream: str, reason: str) -> Check:
    result = DeviceTestResult(stream, "audio" if stream in {"me", "them"} else "video")
    message = f"{DEVICES[stream]}: {REASONS[reason]}."
    result.take(DeviceState(stream, 0.0, present=False, reason=reason, message=message))
    return judge(result)


@pytest.mark.parametrize("stream", DEVICES)
@pytest.mark.parametrize("reason", sorted(set(REASONS) - PASSING))
def test_every_reason_for_a_missing_device_has_advice_that_suits_the_device(stream: str, reason: str) -> None:
    check = missing(stream, reason)
    assert (check.outcome, check.name) == ("failed", DEVICES[stream])
    assert REASONS[reason] in check.finding
    possible = {"me": OF_SOUND, "them": set(), "camera": OF_PICTURES, "screen": OF_PICTURES}[stream]
    if (stream, reason) == ("screen", "busy") or reason in (OF_PICTURES | OF_SOUND) - possible:
        return  # such a device has no such fault
    assert check.fix
    foreign = {
        "me": ("camera", "address", "loudspeaker", "screen"),
        "them": ("camera", "address", "microphone", "screen", "plug it in"),
        "camera": ("sound server", "loudspeaker", "microphone", "X11"),
        "screen": ("sound server", "loudspeaker", "microphone", "camera", "plug it in"),
    }[stream]
    assert not [word for word in foreign if word in check.fix.lower()]


def test_a_sound_server_that_does_not_answer_is_to_be_started_and_no_camera_is_asked_for() -> None:
    advice = "Start the sound server (PulseAudio or PipeWire)."
    assert missing("them", "unreachable").fix == missing("me", "unreachable").fix == advice
    assert missing("camera", "unreachable").fix == "Look whether the address is right and the camera is on."
    assert missing("screen", "unreachable").fix.startswith("Log in to an X11 session")


@pytest.mark.parametrize(
    ("peak", "outcome", "says"),
    [(-12.0, "ok", "peak -12"), (-75.0, "warning", "very quiet"), (0.0, "warning", "overdriven")],
)
def test_levels_are_judged(peak: float, outcome: str, says: str) -> None:
    check = judge(audio(peak_dbfs=peak, rms_dbfs=peak - 10))
    assert check.outcome == outcome
    assert says in check.finding


def test_silence_of_the_loudspeaker_is_no_fault() -> None:
    check = judge(audio(stream="them", peak_dbfs=-math.inf))
    assert check.outcome == "ok"
    assert "no fault" in check.finding


def test_a_slow_camera_is_a_warning() -> None:
    result = DeviceTestResult("camera", "video", present=True, reason="", message="Webcam: delivers.")
    result.rate_hz, result.size = 3.0, (640, 480)
    assert judge(result).outcome == "warning"


@pytest.mark.parametrize(
    ("failed", "code"),
    [
        ([], 0),
        (["microphone"], 0),
        (["loopback", "camera"], 0),
        (["microphone", "camera"], 4),
        (["models"], 6),
        (["microphone", "camera", "models"], 4),
    ],
)
def test_the_exit_code_says_whether_a_session_can_run(failed: list[str], code: int) -> None:
    names = ["microphone", "loopback", "camera", "models"]
    checks = tuple(Check(name, "failed" if name in failed else "ok", "x") for name in names)
    assert Diagnosis((), checks).exit_code == code


def test_without_portaudio_the_camera_is_still_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.errors import SourceError
    from realtime.sources.config import SourcesConfig

    asked: list[SourcesConfig] = []

    def refuse_sound(config: SourcesConfig) -> object:
        asked.append(config)
        if config.microphone is not None:
            raise SourceError("PortAudio cannot be loaded.", fix="apt install libportaudio2")
        return object()

    monkeypatch.setattr(doctor, "open_sources", refuse_sound)
    monkeypatch.setattr(
        doctor, "run_device_test", lambda source, seconds: {"camera": DeviceTestResult("camera", "video")}
    )
    checks = list(doctor.examine_devices(SourcesConfig(), 1.0))
    assert [(check.name, check.outcome) for check in checks] == [
        ("microphone", "failed"),
        ("camera", "failed"),
    ]
    assert checks[0].fix == "apt install libportaudio2"


def test_names_of_devices_are_shown_as_they_are_and_steer_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    device = Device("microphone", "0", "Jabra [/bold] \x1b[2J\x1b]0;title\x07", True)
    check = Check("microphone", "failed", "Jabra [/red] \x1b[31m: it is gone.", "Plug \x1b[8m it in.")
    doctor_command._show(Diagnosis((device,), (check,)))
    out = capsys.readouterr().out
    assert "Jabra [/bold] [2J]0;title" in out
    assert "Jabra [/red] [31m: it is gone." in out
    assert "\x1b" not in out
    assert "\x07" not in out
