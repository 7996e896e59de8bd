"""What the other side says on Windows (WASAPI loopback) and macOS (a virtual device), through SoundCard.

macOS has no loopback of its own: the call's sound has to be sent to a virtual device such as BlackHole, which
is then a recording device like any other (docs/live-sources.md).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from realtime.sources.device_items import AudioBlock, DeviceLost, Opened
from realtime.sources.driver import DriverHandle
from realtime.sources.portaudio import BLOCK_S
from realtime.sources.pulse_server import DEFAULT

RATE_HZ: Final = 48_000
VIRTUAL_DEVICES: Final = ("blackhole", "loopback audio", "soundflower", "vb-cable")
"""Names of virtual devices that are looked for when none is named, in this order."""


def load_soundcard() -> ModuleType:
    """Import the library `soundcard`, which opens the sound system at once."""
    import soundcard

    module: ModuleType = soundcard
    return module


class SoundCardDriver:
    """Records a loudspeaker's loopback, or a virtual device.

    SoundCard waits without a time limit, which the `DeviceSupervisor` watches, and gives zeros while
    WASAPI is silent.

    Args:
        device: "default" (the default loudspeaker, or the first virtual device that is known), or a name.
        virtual: look for a virtual device instead of a loudspeaker (macOS).
        load: gives the library; replaced in tests.
    """

    def __init__(
        self, device: str = DEFAULT, *, virtual: bool, load: Callable[[], ModuleType] = load_soundcard
    ) -> None:
        self._device = device
        self._virtual = virtual
        self._load = load
        self.label = "loopback" if device == DEFAULT else f"loopback {device}"

    def run(self, handle: DriverHandle) -> None:
        """Record until the handle closes. Raises DeviceLost when the device is lost."""
        soundcard = self._load()
        wanted = self._name(soundcard)
        try:
            microphone = soundcard.get_microphone(wanted, include_loopback=not self._virtual)
            with microphone.recorder(samplerate=RATE_HZ, blocksize=round(BLOCK_S * RATE_HZ)) as recorder:
                handle.put(Opened(handle.clock(), str(microphone.name), RATE_HZ, BLOCK_S))
                self._record(handle, recorder, soundcard, wanted)
        except (RuntimeError, IndexError, TypeError, OSError) as error:  # what SoundCard raises on a loss
            raise DeviceLost("unplugged", str(error)) from error

    def _record(self, handle: DriverHandle, recorder: Any, soundcard: ModuleType, wanted: str) -> None:  # noqa: ANN401
        frames, checked_s = 0, handle.clock()
        while not handle.wait(0.0):
            with warnings.catch_warnings():
                # A discontinuity shows in the clock line; as a warning it would only be printed.
                warnings.simplefilter("ignore")
                samples = recorder.record(None)
            handle.put(AudioBlock(handle.clock(), frames, samples))
            frames += len(samples)
            if handle.clock() - checked_s > 1.0:
                checked_s = handle.clock()
                if self._name(soundcard) != wanted:
                    raise DeviceLost("changed")

    def _name(self, soundcard: ModuleType) -> str:
        if self._virtual:
            return self._virtual_device(soundcard)
        if self._device != DEFAULT:
            return self._device
        speaker = soundcard.default_speaker()
        if speaker is None:
            raise DeviceLost("unplugged", "no loudspeaker")
        return str(speaker.id)

    def _virtual_device(self, soundcard: ModuleType) -> str:
        wanted = VIRTUAL_DEVICES if self._device == DEFAULT else (self._device.lower(),)
        names = [str(device.name) for device in soundcard.all_microphones()]
        for word in wanted:
            for name in names:
                if word in name.lower():
                    return name
        raise DeviceLost("unplugged", "no virtual device such as BlackHole; see docs/live-sources.md")
