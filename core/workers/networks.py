"""Workers that run the checkpoint's networks: orders in, outcomes out."""

from __future__ import annotations

from core.backends.networks import Networks
from core.work import (
    AudioTokens,
    EncodeAudio,
    EncodeText,
    EncodeVisual,
    Fuse,
    Fused,
    TextTokens,
    VisualTokens,
)


class NetworkWorkers:
    """One method per kind of order."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks

    def encode_text(self, order: EncodeText) -> TextTokens:
        """Encode the words of an utterance."""
        return TextTokens(order.utterance, self._networks.encode_text(order.words, order.times_s))

    def encode_audio(self, order: EncodeAudio) -> AudioTokens:
        """Encode a block of speech."""
        return AudioTokens(
            self._networks.encode_audio(order.start_sample, order.samples, order.block_samples)
        )

    def encode_visual(self, order: EncodeVisual) -> VisualTokens:
        """Encode the faces of one instant."""
        return VisualTokens(order.t_s, order.tracks, self._networks.encode_visual(order.crops))

    def fuse(self, order: Fuse) -> Fused:
        """Estimate the windows of one instant."""
        return Fused(self._networks.fuse(order.windows))
