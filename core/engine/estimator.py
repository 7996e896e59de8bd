"""Estimates: what to ask of the fusion network, and what to say of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.config import EstimateConfig
from core.engine.smoother import Smoothed, Smoother
from core.engine.utterance import Utterance
from core.events import EmotionEstimate, Stages
from core.labels import MODALITIES
from core.window import Window
from core.work import FusionOutput


@dataclass(frozen=True, slots=True, eq=False)
class EstimateRequest:
    """One window that the fusion network was asked about, and what its answer is for.

    Attributes:
        window: the window.
        utterance: the utterance it belongs to, None while the person does not speak.
        final: whether the answer is the utterance's final estimate.
        missing: modality -> why it is absent.
        history_s: modality -> seconds of the person's earlier expression that its baseline rests on.
    """

    window: Window
    utterance: Utterance | None
    final: bool
    missing: dict[str, str]
    history_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Estimator:
    """Turns the fusion network's answers into estimates with identities and revisions.

    Attributes:
        labels: the checkpoint's labels, C of them.
        thresholds: (C,) float32, where an answer brings none of its own.
        smoother: for rolling estimates; a final one stands on its own.
        sent: estimates said so far.
        finals: final estimates said so far.
    """

    labels: tuple[str, ...]
    thresholds: NDArray[np.float32]
    smoother: Smoother
    sent: int = 0
    finals: int = 0
    _quiet: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        config: EstimateConfig,
        labels: tuple[str, ...],
        thresholds: tuple[float, ...],
        abstain_below: float = 0.0,
    ) -> Estimator:
        """An estimator that has said nothing yet.

        Args:
            config: of rolling estimates.
            labels: C of them.
            thresholds: C of them, from the checkpoint.
            abstain_below: confidence, from the checkpoint.
        """
        limits = np.asarray(thresholds, np.float32)
        return cls(labels, limits, Smoother(config, limits, abstain_below))

    def answer(self, request: EstimateRequest, output: FusionOutput, now_s: float) -> EmotionEstimate | None:
        """Say one estimate; None when the utterance's final estimate is out already."""
        utterance, window = request.utterance, request.window
        if utterance is not None and utterance.done:
            return None
        limits = self.thresholds if output.thresholds is None else output.thresholds
        if request.final:
            present = (output.probabilities >= limits) & (not output.abstained)
            said = Smoothed(output.probabilities, present, output.confidence, output.abstained)
        else:
            said = self.smoother.push(window.person, now_s, output.probabilities, limits, output.confidence)
        name, revision = self._identity(window.person, utterance)
        self.sent += 1
        self.finals += request.final
        if utterance is not None and request.final:
            utterance.finish()
        return EmotionEstimate(
            id=name,
            person=window.person,
            utterance=None if utterance is None else utterance.id,
            t0_s=window.t0_s,
            t1_s=window.t1_s,
            probabilities=self._named(said.probabilities),
            active=self._ranked(said.probabilities, said.active),
            peers={m: self._named(output.peers[m]) for m in MODALITIES if m in output.peers},
            attribution={m: float(output.attribution[m]) for m in MODALITIES if m in output.attribution},
            modalities=window.modalities,
            missing=request.missing,
            valence=output.valence,
            arousal=output.arousal,
            confidence=said.confidence,
            abstained=said.abstained,
            revision=revision,
            final=request.final,
            stages=_stages(request, now_s),
            history_s=dict(request.history_s),
        )

    def _identity(self, person: str, utterance: Utterance | None) -> tuple[str, int]:
        """Id and revision. A stretch without speech gets an id of its own: "<person>/<n>"."""
        stretch, revision = self._quiet.get(person, (0, -1))
        if utterance is None:
            stretch += revision == -1
            self._quiet[person] = (stretch, revision + 1)
            return f"{person}/{stretch}", revision + 1
        self._quiet[person] = (stretch, -1)
        utterance.estimate_revision += 1
        return utterance.id, utterance.estimate_revision - 1

    def _named(self, values: NDArray[np.float32]) -> dict[str, float]:
        return {label: float(value) for label, value in zip(self.labels, values, strict=True)}

    def _ranked(self, values: NDArray[np.float32], active: NDArray[np.bool_]) -> tuple[str, ...]:
        order = np.argsort(-values, kind="stable")
        return tuple(self.labels[i] for i in order if active[i])


def _stages(request: EstimateRequest, now_s: float) -> Stages:
    window, utterance = request.window, request.utterance
    return Stages(
        captured_s=window.t1_s,
        voice_s=None if utterance is None else utterance.voice_s,
        words_s=None if utterance is None or "text" not in window.tokens else utterance.words_s,
        encoded_s=None if utterance is None else utterance.encoded_s,
        fused_s=now_s,
    )
