"""What a compiled backend costs on validation data, noted in its manifest, so that `auto` may use it.

Both sides run as live: encoder and fusion through `core.backends`, windows through `Networks.fuse`, the
stored calibration. Only the runners differ.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from core.backends.artifacts import export_folder, is_exported
from core.backends.base import Network, Unusable
from core.backends.compiled import (
    MOST_POINTS_LOST,
    Validation,
    check_compiled,
    compiled_folder,
    write_compiled,
)
from core.backends.loading import Place, load_backend
from core.backends.networks import Networks
from core.backends.registry import backend
from core.errors import ConfigError
from core.labels import Modality
from core.spec import read_spec
from train.corpora.registry import corpus
from train.data.token_set import TokenSet
from train.encoding.corpus import EncodingContext
from train.encoding.features import EncodeClips, EncodeFaces, EncodeTexts, Locate, encode_examples
from train.evaluation.prepared_split import prepare_split
from train.inference import evaluation_windows
from train.metrics import figures


def admit(
    checkpoint: Path,
    name: str,
    corpora: Sequence[str],
    data: Path,
    *,
    cache: Path,
    locate: Locate,
    root: Path | None = None,
    quiet: bool = True,
) -> Validation:
    """Measure macro-F1 on the validation part of corpora, by eager and by a compiled backend.

    Args:
        checkpoint: its folder.
        name: of the backend, which must have been compiled.
        corpora: of texts, clips or faces, at least one.
        data: folder with the corpora.
        cache: for eager's tokens.
        locate: finds third-party weights.
        root: of the cache with compiled networks; None = emotrack's.
        quiet: no progress bars.

    Returns:
        The figures, also noted in the manifest.

    Raises:
        ConfigError: the backend has no artifacts to admit, or a corpus has no single modality.
        Unusable: the backend was not compiled or does not pass its trial.
        SourceError: a corpus has no validation part.
    """
    spec = read_spec(checkpoint)
    export = export_folder(spec, root)
    chosen = backend(name)
    if chosen.runs != "artifact":
        raise ConfigError(f"{name} runs the checkpoint as it is; there is nothing to admit.")
    if not is_exported(spec, export):
        fix = f"Run `emotrack compile --backend {name}` first."
        raise Unusable("manifest", "the checkpoint is not compiled.", where=str(checkpoint), fix=fix)
    place = Place(spec, checkpoint, export, root)
    eager = load_backend(place, backend("eager"))
    ours = load_backend(place, chosen)
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    for each in corpora:
        modality = corpus(each).modality
        if modality is None:
            raise ConfigError(f"{each} has several modalities.", fix="Name corpora of texts, clips or faces.")
        context = EncodingContext(checkpoint, cache, locate, lambda: checkpoint)
        prepared = prepare_split(checkpoint, each, data, "validation", context, quiet=quiet)
        with tempfile.TemporaryDirectory() as scratch:
            lowered = encode_examples(
                each,
                modality,
                prepared.examples,
                checkpoint,
                Path(scratch),
                lambda: _encode(modality, checkpoint, locate, ours.runners[modality]),  # noqa: B023
                quiet=quiet,
            )
        for runners, tokens, found in (
            (eager.runners, prepared.tokens, before),
            (ours.runners, lowered, after),
        ):
            found[each] = _macro_f1(Networks(spec, runners, locate), tokens, prepared.answers)
    validation = Validation(eager=before, compiled=after)
    folder = compiled_folder(spec, chosen, ours.precision, root)
    manifest = check_compiled(spec, chosen, ours.precision, folder)
    write_compiled(manifest.model_copy(update={"validation": validation}), folder)
    return validation


def verdict(name: str, validation: Validation) -> str:
    """One sentence for people."""
    lost = validation.points_lost
    may = "may" if lost < MOST_POINTS_LOST else "may not"
    return f"{name} loses {lost:.2f} points of macro-F1 (limit {MOST_POINTS_LOST}): auto {may} use it."


def _macro_f1(networks: Networks, tokens: TokenSet, answers: np.ndarray) -> float:
    windows = list(evaluation_windows(tokens))
    estimates = np.stack([output.probabilities for output in networks.fuse(windows)])
    thresholds = np.array(networks.spec.calibration.thresholds)
    found = figures(estimates, tokens.targets, tokens.known, thresholds, answers)
    return 100.0 * found["macro_f1"]


class BackendEncoder(nn.Module):
    """A runner in the place of an encoder: tensors in, one tensor out, row by row for texts."""

    def __init__(self, runner: Network, *, one_by_one: bool) -> None:
        super().__init__()
        self._runner = runner
        self._one_by_one = one_by_one

    def forward(self, *inputs: Tensor) -> Tensor:
        """As the encoder."""
        arrays = [value.numpy() for value in inputs]
        if not self._one_by_one:
            return torch.from_numpy(self._runner(*arrays)[0])
        rows = [self._runner(*(x[i : i + 1] for x in arrays))[0] for i in range(len(arrays[0]))]
        return torch.from_numpy(np.concatenate(rows))


class _Texts(EncodeTexts):
    def __init__(self, folder: Path, locate: Locate, network: nn.Module) -> None:
        super().__init__(folder, locate)
        self._encoder = cast("Any", network)


class _Clips(EncodeClips):
    def __init__(self, folder: Path, locate: Locate, network: nn.Module) -> None:
        super().__init__(folder, locate)
        self._encoder = cast("Any", network)


class _Faces(EncodeFaces):
    def __init__(self, folder: Path, network: nn.Module) -> None:
        super().__init__(folder, views=1)
        self._encoder = cast("Any", network)


def _encode(
    modality: Modality, folder: Path, locate: Locate, runner: Network
) -> EncodeTexts | EncodeClips | EncodeFaces:
    network = BackendEncoder(runner, one_by_one=modality == "text")
    if modality == "text":
        return _Texts(folder, locate, network)
    return _Clips(folder, locate, network) if modality == "audio" else _Faces(folder, network)
