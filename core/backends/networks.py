"""The networks of a checkpoint, ready to compute tokens and estimates. No torch here.

Legend: B windows, T tokens, C labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.backends.base import NETWORKS, Runners
from core.encoders.crop_scaling import scale_crops
from core.encoders.log_mel import INPUT_SAMPLES, log_mel, padded_block
from core.encoders.text_tokens import PieceTokenizer, pad_pieces
from core.errors import ModelError
from core.inputs import SAMPLE_RATE, Samples
from core.labels import MODALITIES
from core.models.calibration import fusion_output
from core.spec import ModelSpec
from core.window import Tokens, Window, collate
from core.work import FusionOutput

_MAX_BATCH: Final = 32


class Networks:
    """Encoders and fusion of one checkpoint.

    Args:
        spec: of the checkpoint.
        runners: its networks, as `core.backends.loading` gives them; one that is not there fails when used.
        weights: name of a third-party weight -> its folder.

    Raises:
        ModelError: the tokenizer cannot be loaded.
    """

    def __init__(self, spec: ModelSpec, runners: Runners, weights: Callable[[str], Path]) -> None:
        self.spec = spec
        self._tokenizer = PieceTokenizer(weights("minilm"))
        self._text, self._audio, self._visual, self._fusion = (runners.get(n, _absent) for n in NETWORKS)

    def encode_text(self, words: Sequence[str], times_s: Sequence[float]) -> Tokens:
        """Tokens of the words of one utterance: (T, 384), times of the words."""
        pieces = self._tokenizer.pieces(words, times_s)
        ids, mask = pad_pieces([pieces])
        return Tokens(self._text(ids, mask)[0][0], pieces.times_s)

    def encode_audio(self, start_sample: int, samples: Samples, block_samples: int) -> Tokens:
        """Tokens of the last `block_samples` of `samples`, times in the middle of what each covers."""
        mel = log_mel(padded_block(samples[-INPUT_SAMPLES:]))
        values = self._audio(mel[None])[0][0]  # (T, D)
        step_s = block_samples / SAMPLE_RATE / len(values)
        begin_s = (start_sample + len(samples) - block_samples) / SAMPLE_RATE
        times_s = begin_s + (np.arange(len(values)) + 0.5) * step_s
        return Tokens(values, times_s.astype(np.float32))

    def encode_visual(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, S, S) uint8 crops -> (n, D)."""
        return self._visual(scale_crops(crops))[0]

    def fuse(self, windows: Sequence[Window]) -> tuple[FusionOutput, ...]:
        """Estimate each window.

        Raises:
            ModelError: the network gave a number that is none.
            ValueError: a window has no modality.
        """
        outputs: list[FusionOutput] = []
        for start in range(0, len(windows), _MAX_BATCH):
            outputs += self._fuse_batch(list(windows[start : start + _MAX_BATCH]))
        return tuple(outputs)

    def _fuse_batch(self, windows: list[Window]) -> list[FusionOutput]:
        batch = collate(windows, self.spec.token_shapes)
        parts = (batch.values, batch.times_s, batch.mask)
        answer = self._fusion(*(part[m] for part in parts for m in MODALITIES))
        if not all(np.isfinite(values).all() for values in answer):
            raise ModelError("the fusion network gave a value that is not a number.")
        logits, peer_logits, attribution = answer[:3]
        counts = np.stack([batch.mask[m].sum(axis=1) for m in MODALITIES], axis=1)  # (B, M)
        return [
            fusion_output(
                logits[row],
                peer_logits[row],
                attribution[row],
                batch.available[row],
                self.spec,
                tokens=counts[row],
                affect=answer[3][row] if len(answer) > 3 else None,
            )
            for row in range(len(windows))
        ]


def _absent(*inputs: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Stands for a network that was not loaded."""
    raise ModelError("this network was not loaded: what it would infer is withheld.")
