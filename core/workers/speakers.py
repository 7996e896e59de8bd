"""The worker that computes who speaks, as features for `core.stages.diarization`."""

from __future__ import annotations

from core.encoders.speaker import SpeakerNetwork
from core.work import EncodeSpeaker, SpeakerFeatures


class SpeakerWorker:
    """Runs the speaker network's trunk."""

    def __init__(self, network: SpeakerNetwork) -> None:
        self._network = network

    def run(self, order: EncodeSpeaker) -> SpeakerFeatures:
        """Encode one stretch of speech. Raises ModelError when the network fails."""
        return SpeakerFeatures(order.first, self._network.features(order.samples, order.count))
