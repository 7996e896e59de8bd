"""What every backend is: probe, lower, load. One file per backend; `core.backends.registry` lists them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError

if TYPE_CHECKING:
    from core.backends.source import Source

Precision = Literal["fp32", "bf16", "fp16"]
"""Of the large matrix products; sums, norms and softmax are always float32."""

PRECISIONS: Final[tuple[Precision, ...]] = get_args(Precision)

NetworkName = Literal["text", "audio", "visual", "fusion"]

NETWORKS: Final[tuple[NetworkName, ...]] = get_args(NetworkName)
"""The networks of a checkpoint."""

Form = Literal["artifact", "export", "checkpoint"]

Stage = Literal["probe", "manifest", "hash", "load", "canned inference"]
"""What a backend has to pass before it is used, in this order."""


class Network(Protocol):
    """One network, ready to run: inputs and outputs in the order in which it was exported."""

    def __call__(self, *inputs: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        """Run once, for any batch size."""
        ...


class Backend(Protocol):
    """One way to run the networks.

    Attributes:
        name: as users type it.
        precisions: what it can do; the first is the default.
        reduced: it is judged by the tolerance of reduced precision, whatever `Precision` says.
        runs: what it loads: artifacts that `lower` wrote, the export's ONNX files, or the checkpoint.
        suffix: of the artifacts' file names.
    """

    name: ClassVar[str]
    precisions: ClassVar[tuple[Precision, ...]]
    reduced: ClassVar[bool]
    runs: ClassVar[Form]
    suffix: ClassVar[str]

    def probe(self) -> str | None:
        """None when this machine can run it, else one sentence that says what is missing. Cheap."""
        ...

    def identity(self) -> dict[str, str]:
        """All that an artifact is tied to: versions, processor or graphics card, driver, options."""
        ...

    def lower(self, source: Source, network: NetworkName, precision: Precision, path: Path) -> None:
        """Write the artifact of one network. Asked only of backends that run artifacts.

        Raises:
            Exception: whatever the library raises; the caller turns it into a sentence.
        """
        ...

    def load(self, path: Path, network: NetworkName, precision: Precision, threads: int) -> Network:
        """Make one network ready to run.

        Args:
            path: what `lower` wrote, the network's ONNX file, or the checkpoint's folder; see `runs`.
            network: which.
            precision: as it was lowered.
            threads: processor threads within one call.

        Raises:
            Exception: whatever the library raises; the caller turns it into a sentence.
        """
        ...


class Unusable(ModelError):
    """A backend cannot be used here and now.

    Args:
        stage: what it did not pass.
        what, where, fix: as for every error.
    """

    def __init__(self, stage: Stage, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.stage = stage
        super().__init__(what, where=where, fix=fix)


Runners = Mapping[NetworkName, Network]
"""All networks of a checkpoint, ready to run."""
