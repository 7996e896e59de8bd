"""The recipe of the audio encoder's training, and the encoder with its peer as they are trained together.

Legend: W inputs of 2 s, D = 1024.
"""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor, nn

from core.config_base import Strict
from core.encoders import audio as audio_encoder
from core.encoders.audio import AudioEncoder
from core.stages.baseline import BaselineConfig
from train.encoders.audio_data import View
from train.encoders.peer_training import PeerSizes, new_peer


class VoiceCorpus(Strict):
    """How a corpus of speech is used.

    Attributes:
        limit: at most so many training clips (0 = all).
        weight: of its clips.
        adapts: adapters and attention learn from it; else the linear reading alone does.
    """

    limit: int = Field(0, ge=0)
    weight: float = Field(1.0, gt=0)
    adapts: bool = True


class VoiceBaseline(Strict):
    """The person's own baseline; see `core.stages.baseline.BaselineConfig`."""

    shrinkage_s: float = Field(10.0, gt=0)
    horizon_s: float = Field(1200.0, gt=0)
    deviation: bool = False

    def config(self) -> BaselineConfig:
        """For training and the checkpoint's spec."""
        return BaselineConfig(self.shrinkage_s, self.horizon_s, self.deviation)


class AudioTraining(Strict):
    """How the audio encoder and peer are trained.

    Attributes:
        corpora: name -> how it is used. Clips are drawn by the root of a corpus' size, its labels alike.
        baseline: each clip is compared with a random number of other clips of its person; null = never.
        epochs, batch, rate, peer_rate, weight_decay, average: of the training.
        frozen_blocks: of the encoder's three, from the first; 3 trains the peer alone.
        views: augmented copies of each clip.
        block_s: new seconds per input in training; validation and test always use the live 0.5 s.
        vote_share: of a target that CREMA-D's listeners make up.
        softmax: weight of a cross entropy over the labels beside the independent ones.
        cropped: share of the utterances of which only a part is seen, as in a rolling window.
        dropped: share of the tokens that are hidden.
        mixed: share of the batches in which each clip's tokens are blended with another's (mix-up).
        every: take one clip in so many, for a quick try.
        strength, parts: of `solve_statistics`, if the peer reads its tokens' moments.
        read_views: views of each clip that this reading learns from; the first is the clip as it is.
        share: what the attention's logits count for beside it.
        temperature: by which the peer's logits are divided at the end, as measured on corpora that were left
            out (`train unseen`): voices never met are heard with less certainty than those of the training.
        peer: sizes of the peer.
        seed, device: "auto" takes the GPU where there is one.
    """

    corpora: dict[str, VoiceCorpus] = Field({"ravdess": VoiceCorpus(), "emodb": VoiceCorpus()}, min_length=1)
    baseline: VoiceBaseline | None = None
    epochs: int = Field(10, ge=1)
    batch: int = Field(16, ge=2)
    rate: float = Field(4e-4, gt=0)
    peer_rate: float = Field(4e-4, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    average: float = Field(0.99, ge=0, lt=1)
    frozen_blocks: int = Field(2, ge=0, le=audio_encoder.LAYERS)
    views: int = Field(6, ge=1)
    block_s: float = Field(1.0, gt=0, le=2)
    vote_share: float = Field(0.15, ge=0, le=1)
    softmax: float = Field(0.5, ge=0)
    cropped: float = Field(0.3, ge=0, le=1)
    dropped: float = Field(0.15, ge=0, lt=1)
    mixed: float = Field(0.4, ge=0, le=1)
    every: int = Field(1, ge=1)
    strength: float = Field(0.003, gt=0)
    parts: int = Field(3, ge=0)
    read_views: int = Field(1, ge=1)
    share: float = Field(0.5, ge=0, le=1)
    temperature: float = Field(1.0, gt=0)
    peer: PeerSizes = PeerSizes(dropout=0.3)
    seed: int = 0
    device: str = "auto"


class AudioModel(nn.Module):
    """Encoder and peer, as they are trained together."""

    def __init__(self, weights: Path, config: AudioTraining) -> None:
        super().__init__()
        self.encoder = AudioEncoder.adaptable(weights)
        for block in self.encoder.blocks[: config.frozen_blocks]:
            block.requires_grad_(False)
        # the last block gives the tokens, so it is computed with them even where it is frozen
        self.frozen = min(config.frozen_blocks, audio_encoder.LAYERS - 1)
        self.encoder.norm.requires_grad_(config.frozen_blocks < audio_encoder.LAYERS)
        self.peer = new_peer(audio_encoder.WIDTH, config.peer)
        if self.peer.statistics is not None:  # solved at the end; until then it says nothing
            self.peer.statistics.requires_grad_(False).linear.weight.zero_()
            self.peer.statistics.linear.bias.zero_()

    def tokens(self, views: list[View]) -> list[Tensor]:
        """(W * newest, D) tokens of each view, in time order; all views have the same `newest`."""
        states = torch.cat([view.states for view in views])
        tokens = self.encoder.tokens(states, self.frozen, views[0].newest).float()
        parts = tokens.split([len(view.states) for view in views])
        return [part.flatten(0, 1) for part in parts]
