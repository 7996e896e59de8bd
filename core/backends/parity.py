"""Parity: whether a network that runs says what eager float32 said, on vectors stored with the export.

Everything is judged in the unit that people see, calibrated probability. Tokens of an encoder are handed to
the fusion network, once as eager computed them and once as they come out, and the two estimates are compared.

Legend: B rows, T tokens, D token width, C labels, M = 3 modalities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.backends.base import NETWORKS, Network, NetworkName
from core.errors import ModelError
from core.labels import MODALITIES, Modality
from core.models.calibration import fusion_probabilities, probabilities
from core.spec import ModelSpec
from core.window import Tokens, Window, collate

Array = NDArray[np.generic]

FULL_TOLERANCE: Final = 1e-4
"""Largest difference in probability for float32."""

REDUCED_TOLERANCE: Final = 2e-2
"""The same for bfloat16, float16 and 8 bits."""

_TOKEN_STEP_S: Final = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One input of a network and what eager float32 made of it.

    Attributes:
        name: what it tests, as said in messages.
        inputs, outputs: in the network's order.
    """

    name: str
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]


Cases = Mapping[NetworkName, Sequence[Case]]


@dataclass(frozen=True, slots=True)
class Finding:
    """The largest difference of one network.

    Attributes:
        delta_p: in calibrated probability; inf when an output is no number or has another shape.
        case, part: where: the case's name, and "fusion", "peer text", "attribution"...
        flips: decisions that changed; eager was nearer to the threshold than `delta_p` in each.
    """

    delta_p: float
    case: str
    part: str
    flips: int = 0


def tolerance(*, reduced: bool) -> float:
    """What is allowed, in probability."""
    return REDUCED_TOLERANCE if reduced else FULL_TOLERANCE


def compare(
    spec: ModelSpec, cases: Cases, runners: Mapping[NetworkName, Network], fusion: Network
) -> dict[NetworkName, Finding]:
    """Run every case of every network that `runners` has.

    Args:
        spec: of the checkpoint.
        cases: with eager's outputs.
        runners: the networks in question.
        fusion: turns the tokens of encoders into probabilities.

    Returns:
        The largest difference of each network.
    """
    found: dict[NetworkName, Finding] = {}
    for network, runner in runners.items():
        worst = Finding(0.0, "", "")
        flips = 0
        for case in cases[network]:
            ours = runner(*case.inputs)
            parts, flipped = _differences(spec, network, case, ours, fusion)
            flips += flipped
            part, delta_p = max(parts.items(), key=lambda item: item[1])
            if delta_p >= worst.delta_p:
                worst = Finding(delta_p, case.name, part)
        found[network] = Finding(worst.delta_p, worst.case, worst.part, flips)
    return found


def demand(found: Mapping[NetworkName, Finding], *, reduced: bool, what: str, fix: str | None = None) -> None:
    """Insist on parity. Within the tolerance no decision changes where eager's margin exceeds it.

    Args:
        found: from `compare`.
        reduced: whether precision was reduced on purpose.
        what: subject of the message.
        fix: its last sentence.

    Raises:
        ModelError: says by how much, where, and what is allowed.
    """
    allowed = tolerance(reduced=reduced)
    for network, finding in found.items():
        if not finding.delta_p <= allowed:
            raise ModelError(
                f"{what} says something else than eager float32: {network} differs by "
                f"{finding.delta_p:.2g} in probability in the case {finding.case!r} ({finding.part}); "
                f"{allowed:g} is allowed.",
                fix=fix,
            )


def first_cases(cases: Cases) -> Cases:
    """One case per network: enough to see whether it runs at all."""
    return {network: several[:1] for network, several in cases.items()}


def save_cases(cases: Cases, path: Path) -> None:
    """Write them as safetensors, keys "network/00 name/in0"."""
    from safetensors.numpy import save_file

    tensors: dict[str, Array] = {}
    for network, several in cases.items():
        for index, case in enumerate(several):
            for kind, arrays in (("in", case.inputs), ("out", case.outputs)):
                for number, array in enumerate(arrays):
                    tensors[f"{network}/{index:02d} {case.name}/{kind}{number}"] = np.ascontiguousarray(array)
    save_file(tensors, str(path))


def load_cases(path: Path, *, first_only: bool = False) -> Cases:
    """Read what `save_cases` wrote.

    Raises:
        ModelError: the file is absent or damaged.
    """
    from safetensors import SafetensorError, safe_open

    grouped: dict[NetworkName, dict[str, dict[str, Array]]] = {network: {} for network in NETWORKS}
    try:
        with safe_open(str(path), "numpy") as file:
            for key in sorted(file.keys()):
                network, title, slot = key.split("/")
                if not (first_only and not title.startswith("00 ")):
                    grouped[network].setdefault(title, {})[slot] = file.get_tensor(key)
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise ModelError(
            "cannot be read as parity vectors.", where=str(path), fix="Delete its folder; it is made again."
        ) from error
    return {
        network: [
            Case(title[3:], _in_order(slots, "in"), _in_order(slots, "out"))
            for title, slots in titles.items()
        ]
        for network, titles in grouped.items()
    }


def _in_order(slots: dict[str, Array], kind: str) -> tuple[Array, ...]:
    return tuple(slots[f"{kind}{i}"] for i in range(len(slots)) if f"{kind}{i}" in slots)


def _differences(
    spec: ModelSpec, network: NetworkName, case: Case, ours: Sequence[Array], fusion: Network
) -> tuple[dict[str, float], int]:
    """Largest difference of each part, and the decisions that changed."""
    sound = len(ours) == len(case.outputs) and all(
        a.shape == b.shape and bool(np.isfinite(a).all()) for a, b in zip(ours, case.outputs, strict=True)
    )
    if not sound:
        return {"an output is no number or has another shape": float("inf")}, 0
    if network == "fusion":
        return _of_estimates(spec, case.inputs, ours, case.outputs)
    mask = case.inputs[1] if network == "text" else None
    windows = _windows(network, case.outputs[0], mask) + _windows(network, ours[0], mask)
    batch = collate(windows, spec.token_shapes)
    inputs = tuple(part[m] for part in (batch.values, batch.times_s, batch.mask) for m in MODALITIES)
    answers = fusion(*inputs)
    half = len(windows) // 2
    halves = [[answer[rows] for answer in answers] for rows in (slice(half), slice(half, None))]
    return _of_estimates(spec, [x[:half] for x in inputs], halves[1], halves[0])


def _windows(modality: Modality, tokens: Array, mask: Array | None) -> list[Window]:
    """Each row of tokens as a window without other modalities."""
    rows = tokens if tokens.ndim == 3 else tokens[:, None]
    result = []
    for index, row in enumerate(rows):
        values = row if mask is None else row[mask[index].astype(bool)]
        times_s = np.arange(len(values), dtype=np.float32) * np.float32(_TOKEN_STEP_S)
        result.append(Window("", 0.0, 6.0, {modality: Tokens(np.asarray(values, np.float32), times_s)}))
    return result


def _of_estimates(
    spec: ModelSpec, inputs: Sequence[Array], ours: Sequence[Array], theirs: Sequence[Array]
) -> tuple[dict[str, float], int]:
    masks = inputs[2 * len(MODALITIES) :]
    available = np.stack([np.asarray(mask, np.bool_).any(axis=1) for mask in masks], axis=1)  # (B, M)
    judged = [
        fusion_probabilities(np.asarray(side[0], np.float32), available, spec.calibration)
        for side in (ours, theirs)
    ]
    parts = {"fusion": _largest(*judged), "attribution": _largest(ours[2], theirs[2])}
    for i, modality in enumerate(MODALITIES):
        rows = available[:, i]
        if rows.any():
            peers = [
                probabilities(np.asarray(side[1], np.float32)[rows, i], spec.calibration.peers[modality])
                for side in (ours, theirs)
            ]
            parts[f"peer {modality}"] = _largest(*peers)
    if len(theirs) > 3:
        parts["valence and arousal"] = _largest(ours[3], theirs[3])
    thresholds = np.array(spec.calibration.thresholds)
    return parts, int(((judged[0] >= thresholds) != (judged[1] >= thresholds)).sum())


def _largest(ours: Array, theirs: Array) -> float:
    return float(np.abs(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)).max())
