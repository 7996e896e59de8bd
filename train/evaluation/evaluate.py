"""Evaluating a checkpoint on one corpus, exactly as it runs live: stored weights, stored calibration.

Legend: N examples, C labels.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from core.errors import ConfigError
from core.labels import MODALITIES, Modality
from train.corpora.registry import ReadOptions
from train.encoding.corpus import EncodingContext, RecordingWork
from train.encoding.features import Locate
from train.encoding.history import History
from train.evaluation.branches import FUSION
from train.evaluation.judge_checkpoint import AUTO, Figures, Report, evaluate
from train.evaluation.prepared_split import prepare_split
from train.evaluation.robustness import under_conditions

_AS_USUAL: Final = ReadOptions()
_HERE: Final = RecordingWork()


def evaluate_corpus(
    checkpoint: Path,
    name: str,
    data: Path,
    split: str,
    *,
    cache: Path,
    locate: Locate,
    branch: str = FUSION,
    operating_point: str = AUTO,
    resamples: int = 200,
    reading: ReadOptions = _AS_USUAL,
    recordings: RecordingWork = _HERE,
    robustness: bool = False,
    modalities: tuple[Modality, ...] = MODALITIES,
    history: History = "none",
    quiet: bool = True,
) -> Report:
    """Read a corpus, encode it with the checkpoint's encoders, and judge every branch on it.

    Args:
        checkpoint: folder of the checkpoint.
        name, data, split: corpus, its folder (or one above it), and "train", "validation", "test" or "all".
        cache: for tokens.
        locate: finds third-party weights.
        branch: "fusion" or the modality whose peer is meant, for `metrics` and `intervals`.
        operating_point: "auto" = the corpus' own where there is one, "default", or a name.
        resamples: of the bootstrap; 0 = no intervals.
        reading: how the corpus is read; its label space is the checkpoint's.
        recordings: how recordings are worked off, for a corpus that has some.
        robustness: also under noise, word errors and lost faces, see `train.evaluation.robustness`.
        modalities: what is judged; nothing else is computed where the sound alone is asked for.
        history: clips of the same person that the baseline has heard before each example.
        quiet: no progress bars.

    Raises:
        ConfigError: the corpus has no such branch or modality, the checkpoint no such operating point, or
            worse conditions were asked for with history.
        SourceError: the folder has no example of that split, or recordings cannot be read.
        SpecMismatch: the checkpoint has no encoder for what the corpus holds.
    """
    if robustness and history != "none":
        raise ConfigError("Worse conditions are measured without history.", fix="Leave one of the two away.")
    context = EncodingContext(
        checkpoint, cache, locate, lambda: checkpoint, recordings=recordings, modalities=modalities
    )
    prepared = prepare_split(
        checkpoint, name, data, split, context, reading=reading, history=history, quiet=quiet
    )
    report = evaluate(
        checkpoint,
        prepared.spec,
        prepared.tokens,
        split,
        branch=branch,
        resamples=resamples,
        answers=prepared.answers,
        operating_point=operating_point,
    )
    spoiled: dict[str, Figures] = {}
    if robustness:
        spoiled = under_conditions(
            prepared, context, branch=branch, point=report.operating_point, quiet=quiet
        )
    return replace(report, notes=prepared.notes, robustness=spoiled)
