"""Windows and macOS, and sound without a server: the project's side of each library's boundary, on fakes."""

from __future__ import annotations

import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.errors import SourceError
from core.events import StreamInfo
from realtime.sources import devices, portaudio
from realtime.sources.audio_track import AudioTrack
from realtime.sources.block_age import BlockAge
from realtime.sources.capture import Capture
from realtime.sources.device_items import DeviceLost
from realtime.sources.driver import Driver
from realtime.sources.live import LiveSource
from realtime.sources.open import loopback_driver
from realtime.sources.portaudio import PortAudioDriver, load_sounddevice
from realtime.sources.pulse_server import PulseServer
from realtime.sources.soundcard_loopback import SoundCardDriver
from tests.realtime.sources.listener import Listener

PATIENCE_S = 5.0
NO_TIMES = SimpleNamespace(currentTime=1.0, inputBufferAdcTime=0.0)


def no_server() -> PulseServer:
    raise DeviceLost("unreachable", "no sound server")


def listening(driver: Driver) -> Listener:
    track = AudioTrack("s", driver.label)
    return Listener(LiveSource([Capture(StreamInfo("s", "audio"), driver, track, 1500)]))


# --- SoundCard ---------------------------------------------------------------------------------------


class SoundCard(ModuleType):
    """SoundCard with one loudspeaker and some recording devices, as Windows or macOS show them."""

    def __init__(self, *names: str) -> None:
        super().__init__("soundcard")
        self.speaker: Any = SimpleNamespace(id="{speakers}", name="Speakers (Realtek)")
        self.microphones = [SimpleNamespace(id=name, name=name) for name in names]
        self.asked: list[tuple[str, bool]] = []
        self.broken = threading.Event()

    def default_speaker(self) -> Any:
        return self.speaker

    def all_speakers(self) -> list[Any]:
        return [self.speaker]

    def all_microphones(self) -> list[Any]:
        return self.microphones

    def get_microphone(self, name: str, *, include_loopback: bool) -> Any:
        self.asked.append((name, include_loopback))
        return SimpleNamespace(name=self.speaker.name if include_loopback else name, recorder=self._recorder)

    def _recorder(self, samplerate: int, blocksize: int) -> Any:
        soundcard = self

        class Recorder:
            def __enter__(self) -> Recorder:
                return self

            def __exit__(self, *error: object) -> None:
                pass

            def record(self, frames: int | None) -> Any:
                if soundcard.broken.wait(blocksize / samplerate):
                    raise RuntimeError("Error 0x88890004")  # AUDCLNT_E_DEVICE_INVALIDATED
                return np.full((blocksize, 2), 0.25, np.float32)

        return Recorder()


def test_windows_records_the_default_loudspeakers_loopback_and_follows_a_change() -> None:
    library = SoundCard()
    with listening(SoundCardDriver(virtual=False, load=lambda: library)) as listener:
        _, state = listener.state("s", "", PATIENCE_S)
        assert state.message == "Speakers (Realtek): delivers."
        before = listener.mark()
        library.speaker = SimpleNamespace(id="{headset}", name="Headset")
        listener.state("s", "changed", PATIENCE_S, since=before)
        _, state = listener.state("s", "", PATIENCE_S, since=before)
        assert state.message == "Headset: delivers."
    assert library.asked == [("{speakers}", True), ("{headset}", True)]
    assert np.median(listener.sound("s")[-4000:-1000]) == pytest.approx(0.25, abs=0.01)


def test_an_invalidated_device_is_a_loss_with_the_librarys_words() -> None:
    library = SoundCard()
    with listening(SoundCardDriver(virtual=False, load=lambda: library)) as listener:
        listener.state("s", "", PATIENCE_S)
        library.broken.set()
        _, state = listener.state("s", "unplugged", 1.0)
        assert "0x88890004" in state.message
        before = listener.mark()
        library.broken.clear()
        listener.state("s", "", 3.0, since=before)


def test_no_loudspeaker_is_a_state() -> None:
    library = SoundCard()
    library.speaker = None
    with listening(SoundCardDriver(virtual=False, load=lambda: library)) as listener:
        _, state = listener.state("s", "unplugged", PATIENCE_S)
    assert "no loudspeaker" in state.message


def test_macos_finds_blackhole_and_says_what_to_install_without_it() -> None:
    library = SoundCard("MacBook Microphone", "BlackHole 2ch")
    with listening(SoundCardDriver(virtual=True, load=lambda: library)) as listener:
        listener.state("s", "", PATIENCE_S)
    assert library.asked == [("BlackHole 2ch", False)]
    library = SoundCard("MacBook Microphone")
    with listening(SoundCardDriver(virtual=True, load=lambda: library)) as listener:
        _, state = listener.state("s", "unplugged", PATIENCE_S)
    assert "BlackHole" in state.message


@pytest.mark.parametrize(
    ("platform", "kind"),
    [("linux", PortAudioDriver), ("win32", SoundCardDriver), ("darwin", SoundCardDriver)],
)
def test_each_system_has_its_way_to_the_loopback(
    platform: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert isinstance(loopback_driver("default"), kind)


# --- PortAudio ---------------------------------------------------------------------------------------


class SoundDevice(ModuleType):
    """sounddevice with two recording devices and one for playing."""

    class PortAudioError(Exception):
        """As in the library."""

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.default = SimpleNamespace(device=[1, 2])
        self.looked = 0
        self.streams: list[Any] = []
        self.error: str | None = None

    def _initialize(self) -> None:
        self.looked += 1

    def _terminate(self) -> None:
        pass

    def query_devices(self) -> list[dict[str, Any]]:
        rows = [("Line in", 2, 48_000.0), ("USB microphone", 1, 44_100.0), ("Speakers", 0, 48_000.0)]
        return [
            {"name": name, "max_input_channels": channels, "default_samplerate": rate}
            for name, channels, rate in rows
        ]

    def InputStream(self, **options: Any) -> Any:
        if self.error:
            raise self.PortAudioError(self.error)
        stream = FakeStream(options)
        self.streams.append(stream)
        return stream


class FakeStream:
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.samplerate, self.latency = options["samplerate"], 0.02
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._call)

    def start(self) -> None:
        self._thread.start()

    def _call(self) -> None:
        count = round(self.samplerate / 50)
        while not self._stop.wait(0.02):
            samples = np.full((count, self.options["channels"]), 0.2, np.float32)
            self.options["callback"](samples, count, NO_TIMES, None)

    def abort(self, ignore_errors: bool) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def close(self, ignore_errors: bool) -> None:
        self.options["finished_callback"]()


def heard_by(library: SoundDevice, device: str = "default") -> Listener:
    return listening(PortAudioDriver(device, load=lambda: library, server=no_server))


@pytest.mark.parametrize(("device", "index"), [("default", 1), ("0", 0), ("line", 0), ("USB microphone", 1)])
def test_without_a_sound_server_devices_are_chosen_by_name_or_number(device: str, index: int) -> None:
    library = SoundDevice()
    with heard_by(library, device) as listener:
        listener.state("s", "", PATIENCE_S)
    options = library.streams[0].options
    assert options["device"] == index
    assert (options["channels"], options["samplerate"]) == [(2, 48_000.0), (1, 44_100.0)][index]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("Error opening InputStream: Device unavailable [PaErrorCode -9985]", "busy"),
        ("Unanticipated host error: access denied", "permission"),
        ("Invalid device [PaErrorCode -9996]", "unplugged"),
    ],
)
def test_what_portaudio_says_becomes_a_reason(error: str, reason: str) -> None:
    library = SoundDevice()
    library.error = error
    with heard_by(library) as listener:
        _, state = listener.state("s", reason, PATIENCE_S)
        assert error in state.message
        before = listener.mark()
        library.error = None
        listener.state("s", "", 3.0, since=before)
    assert library.looked >= 2  # the list of devices is read anew for each attempt


def test_a_stream_that_the_system_ends_is_opened_again() -> None:
    library = SoundDevice()
    with heard_by(library) as listener:
        listener.state("s", "", PATIENCE_S)
        library.streams[0].options["finished_callback"]()
        listener.state("s", "unplugged", 1.0)
        before = listener.mark()
        listener.state("s", "", 3.0, since=before)


def test_a_microphone_that_is_not_there_is_a_state() -> None:
    with heard_by(SoundDevice(), "Røde") as listener:
        _, state = listener.state("s", "unplugged", PATIENCE_S)
    assert state.message == "microphone Røde: the device is not there (no such recording device)."


def test_without_portaudio_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, *rest: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(SourceError, match="apt install libportaudio2"):
        load_sounddevice()


# --- lists -------------------------------------------------------------------------------------------


def test_devices_are_listed_without_a_sound_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    found = devices.sound_devices(no_server, SoundDevice, lambda: SoundCard("x"))
    assert [(d.kind, d.id, d.name, d.is_default) for d in found] == [
        ("microphone", "0", "Line in", False),
        ("microphone", "1", "USB microphone", True),
        ("loopback", "Speakers (Realtek)", "Speakers (Realtek)", True),
    ]


def test_cameras_are_listed_once_each(tmp_path: Any) -> None:
    for node, (name, index) in {
        "video0": ("Webcam", 0),
        "video1": ("Webcam", 1),
        "video10": ("USB", 0),
    }.items():
        (tmp_path / node).mkdir()
        (tmp_path / node / "name").write_text(f"{name}\n")
        (tmp_path / node / "index").write_text(f"{index}\n")
    assert [(d.id, d.name, d.is_default) for d in devices.cameras(tmp_path)] == [
        ("0", "Webcam", True),
        ("10", "USB", False),
    ]


def test_blocks_are_copied_before_the_callback_returns() -> None:
    kept: list[Any] = []
    handle = SimpleNamespace(clock=lambda: 0.0, put=kept.append)
    recorder = portaudio._Recorder(handle, 4.0)  # type: ignore[arg-type]
    samples = np.ones((4, 1), np.float32)
    recorder.callback(samples, 4, NO_TIMES, None)
    samples[:] = 0
    recorder.callback(samples, 4, NO_TIMES, None)
    assert kept[0].samples.tolist() == [[1.0]] * 4
    assert [block.first_frame for block in kept] == [0, 4]


def times_of(age_s: float, now_s: float) -> SimpleNamespace:
    return SimpleNamespace(currentTime=now_s, inputBufferAdcTime=now_s - age_s)


def test_a_block_has_waited_for_as_long_as_it_is_older_than_blocks_have_to_be() -> None:
    waiting = BlockAge()
    ages_s = [0.035, 0.03, 0.04, 0.03, 0.78, 0.03]
    waited_s = [waiting.of(times_of(age_s, 100 + n), 0.02) for n, age_s in enumerate(ages_s)]
    assert waited_s == pytest.approx([0.0, 0.0, 0.01, 0.0, 0.75, 0.0])


def test_one_wrong_age_is_forgotten_within_a_minute() -> None:
    waiting = BlockAge()
    assert waiting.of(times_of(-5.0, 100.0), 0.02) == 0.0
    waited_s = [waiting.of(times_of(0.03, 100.0 + second), 0.02) for second in range(1, 70)]
    assert waited_s[0] == pytest.approx(5.03)
    assert waited_s[-1] == 0.0


@pytest.mark.parametrize("recorded_s", [0.0, -1.0, 1e9])
def test_a_system_that_does_not_say_when_a_block_was_recorded_says_nothing(recorded_s: float) -> None:
    times = SimpleNamespace(currentTime=100.0, inputBufferAdcTime=recorded_s)
    assert BlockAge().of(times, 0.02) == 0.0
