"""Which NVIDIA graphics card there is, asked of the driver: no torch import on machines without one."""

from __future__ import annotations

import ctypes
import functools
import sys
from dataclasses import dataclass
from typing import Final

from core.backends.host import installed

NO_CARD: Final = "there is no NVIDIA graphics card, or its driver is not installed."


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first graphics card.

    Attributes:
        name: as the driver says it.
        capability: "9.0" for SM 9.0.
        driver: highest CUDA version that the driver knows, "13.0".
    """

    name: str
    capability: str
    driver: str


@functools.cache
def gpu() -> Gpu | None:
    """The first graphics card, or None without driver or card."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    count, version = ctypes.c_int(), ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or count.value == 0:
        return None
    driver.cuDriverGetVersion(ctypes.byref(version))
    name = ctypes.create_string_buffer(128)
    driver.cuDeviceGetName(name, len(name), 0)
    major, minor = (_attribute(driver, number) for number in (75, 76))
    said = f"{version.value // 1000}.{version.value % 1000 // 10}"
    return Gpu(name.value.decode(errors="replace"), f"{major}.{minor}", said)


def _attribute(driver: ctypes.CDLL, number: int) -> int:
    value = ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(value), number, 0)
    return value.value


def no_cuda() -> str | None:
    """Why torch cannot use a graphics card here, or None when it can. Imports torch only beside a card."""
    if gpu() is None:
        return NO_CARD
    found = installed("torch")
    if found is None:
        return "torch is not installed."
    import torch

    if not torch.cuda.is_available():
        return f"torch {found} cannot use the graphics card: a build without CUDA, or an older driver."
    return None


def cuda_identity() -> dict[str, str]:
    """What every artifact for a graphics card is tied to."""
    card = gpu()
    assert card is not None, "asked only after the probe"
    return {
        "gpu": card.name,
        "capability": card.capability,
        "driver": card.driver,
        "torch": installed("torch") or "",
    }
