"""Trains `ExpressionNet` on face votes, then the visual peer on its tokens.

The network learns from two heads that are thrown away: a softmax over the eight emotions of FER+ (its votes
as soft targets) and seven independent sigmoids. The peer then learns on cached tokens of augmented faces, in
sequences of one up to a whole window of tokens, because live it sees a track and not a single picture.

Legend: B batch, T tokens, C = 7 labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from sklearn.metrics import f1_score
from torch import Tensor, nn

from core.config_base import Strict
from core.encoders import visual
from core.encoders.crop_scaling import scale_crops
from core.encoders.visual import ExpressionNet
from core.encoders.weight_files import write_tensors
from core.labels import EMOTIONS
from core.models.peers import Peer
from train.corpora import ferplus
from train.corpora.base import INDEX, FaceExample, assert_disjoint
from train.encoders.epoch_trainer import Draws, EpochPlan, train_epochs
from train.encoders.face_augmentation import augment, mix_up
from train.encoders.peer_training import PeerSizes, new_peer, random_times, set_statistics
from train.optim import device_of, label_tensors, masked_bce
from train.progress import JsonLog


class VisualTraining(Strict):
    """How the visual encoder and peer are trained.

    Attributes:
        epochs, batch, rate, weight_decay, average: of the network (average = decay of the moving average).
        mix_up: alpha of mix-up in the first 70 % of the epochs.
        strength: of the augmentation, 1 = as described in `face_augmentation`; it falls to 60 % at the end.
        limit: use only so many training faces (0 = all), for a quick try.
        peer: sizes of the peer.
        peer_steps, peer_batch, peer_rate: of the peer's training.
        views: augmented copies of each face whose tokens are cached for it.
        longest_tokens, longest_s: longest sequence of tokens, and of time, in the peer's training.
        seed, device: "auto" takes the GPU where there is one.
    """

    epochs: int = Field(30, ge=0)
    batch: int = Field(128, ge=2)
    rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    average: float = Field(0.998, ge=0, lt=1)
    mix_up: float = Field(0.2, ge=0)
    strength: float = Field(1.0, ge=0)
    limit: int = Field(0, ge=0)
    peer: PeerSizes = PeerSizes()
    peer_steps: int = Field(1200, ge=0)
    peer_batch: int = Field(192, ge=2)
    peer_rate: float = Field(5e-4, gt=0)
    views: int = Field(4, ge=1)
    longest_tokens: int = Field(24, ge=1)
    longest_s: float = Field(12.0, gt=0)
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces as tensors.

    Attributes:
        pixels: (N, 1, 48, 48) uint8.
        target: (N, C) float, shares of votes.
        majority: (N,) int64, a label, C for contempt, -1 without a majority.
    """

    pixels: Tensor
    target: Tensor
    majority: Tensor

    def __len__(self) -> int:
        return len(self.pixels)


def train_visual(config: VisualTraining, data: Path, out: Path) -> dict[str, float]:
    """Train on `data/ferplus`, write `visual.safetensors` and `peer_visual.safetensors` to `out`.

    Returns:
        Validation and test figures of the peer on single faces.
    """
    torch.manual_seed(config.seed)
    log = JsonLog(out / "visual_log.jsonl")
    examples = ferplus.read(data / "ferplus")
    assert_disjoint(examples)
    parts = {
        split: as_faces([e for e in examples if e.split == split])
        for split in ("train", "validation", "test")
    }
    if config.limit:
        parts["train"] = _first(parts["train"], config.limit)
    network = train_network(config, parts["train"], parts["validation"], log, out / "visual_state.pt")
    write_tensors(network.state_dict(), out / visual.FILE)
    peer = train_visual_peer(config, network, parts["train"], log)
    write_tensors(peer.state_dict(), out / "peer_visual.safetensors")
    figures: dict[str, float] = {}
    for split in ("validation", "test"):
        probabilities = predict(network, peer, parts[split])
        figures |= {f"{split}_{k}": v for k, v in face_figures(probabilities, parts[split]).items()}
    log.write(stage="figures", **figures)
    (out / "visual_state.pt").unlink(missing_ok=True)  # done: the next run starts afresh
    return figures


def as_faces(examples: list[FaceExample]) -> Faces:
    """Stack examples."""
    target, _ = label_tensors(examples)
    places = {**INDEX, ferplus.CONTEMPT: len(EMOTIONS)}
    majority = torch.tensor([places.get(example.majority, -1) for example in examples])
    return Faces(torch.from_numpy(np.stack([e.image for e in examples]))[:, None], target, majority)


def train_network(
    config: VisualTraining, train: Faces, validation: Faces, log: JsonLog, state: Path
) -> ExpressionNet:
    """First part: the network under its two provisional heads. Gives its moving average.

    A `state` that an interrupted run left is gone on from.
    """
    device = device_of(config.device)
    draws = Draws.seeded(config.seed)
    generator = draws.generator
    model = nn.Sequential(ExpressionNet(), nn.Dropout(0.3), nn.Linear(visual.WIDTH, 8 + len(EMOTIONS)))
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        progress = epoch / config.epochs
        strength = config.strength * (1.0 if progress < 0.8 else 0.6)
        alpha = config.mix_up if progress < 0.7 else 0.0
        for rows in torch.randperm(len(train), generator=generator).split(config.batch):
            if len(rows) == config.batch:
                faces = augment(scaled(train.pixels[rows]), generator, strength)
                yield mix_up(faces, train.target[rows], generator, alpha)

    plan = EpochPlan(
        stage="network",
        epochs=config.epochs,
        steps=max(1, config.epochs * (len(train) // config.batch)),
        rates=[(model, config.rate)],
        weight_decay=config.weight_decay,
        average=config.average,
    )
    averaged = train_epochs(
        model,
        plan,
        draws,
        batches,
        lambda batch: _vote_loss(model, batch[0].to(device), batch[1].to(device)),
        log,
        figures=lambda net: _network_figures(net, validation),
        state=state,
    )
    network: ExpressionNet = averaged[0]
    return network


def scaled(pixels: Tensor) -> Tensor:
    """(B, 1, 48, 48) uint8 -> float in [0, 1], exactly as live crops are scaled."""
    return torch.from_numpy(scale_crops(pixels[:, 0].numpy()))


def _vote_loss(model: nn.Module, faces: Tensor, target: Tensor) -> Tensor:
    with torch.autocast(faces.device.type, torch.bfloat16):
        logits = model(faces.contiguous(memory_format=torch.channels_last))
    logits = logits.float()
    contempt = (1 - target.sum(dim=1, keepdim=True)).clamp(min=0)
    softmax = nn.functional.cross_entropy(logits[:, :8], torch.cat([target, contempt], dim=1))
    return softmax + masked_bce(logits[:, 8:], target, torch.ones_like(target, dtype=torch.bool))


@torch.no_grad()
def _network_figures(model: nn.Module, faces: Faces) -> dict[str, float]:
    device = next(model.parameters()).device
    logits = []
    for rows in torch.arange(len(faces)).split(512):
        with torch.autocast(device.type, torch.bfloat16):
            logits.append(model(scaled(faces.pixels[rows]).to(device)).float().cpu())
    softmax = torch.cat(logits)[:, :8].softmax(dim=1).numpy()
    return face_figures(softmax[:, :7], faces, contempt=softmax[:, 7])


def train_visual_peer(config: VisualTraining, network: ExpressionNet, train: Faces, log: JsonLog) -> Peer:
    """Second part: the peer on sequences of cached tokens."""
    draws = Draws.seeded(config.seed + 1)
    generator = draws.generator
    views = torch.stack([embed(network, train, generator) for _ in range(config.views)], dim=1)  # (N, V, D)
    peer = new_peer(visual.WIDTH, config.peer)
    set_statistics(peer, views.flatten(0, 1))

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for _ in range(config.peer_steps):
            yield _sequences(config, views, train.target, generator)

    def loss(batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        tokens, mask, target = batch
        output = peer(tokens, random_times(mask, config.longest_s, generator), mask)
        return masked_bce(output.logits, target, torch.ones_like(target, dtype=torch.bool))

    plan = EpochPlan(
        stage="peer",
        epochs=1,
        steps=config.peer_steps,
        rates=[(peer, config.peer_rate)],
        weight_decay=0.05,
        average=0.99,
    )
    return train_epochs(peer, plan, draws, batches, loss, log)


def _sequences(
    config: VisualTraining, views: Tensor, target: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens (B, T, D), mask (B, T), target (B, C): half single faces, half tracks of up to two looks."""
    count = config.peer_batch
    longest = int(torch.randint(1, config.longest_tokens + 1, (), generator=generator))
    lengths = torch.randint(1, longest + 1, (count,), generator=generator)
    lengths[: count // 2] = 1
    first, second = torch.randint(0, len(views), (2, count), generator=generator)
    # The second look takes up to half of a track; its votes count by its share of the tokens.
    share = torch.rand(count, generator=generator) * 0.5
    share[torch.rand(count, generator=generator) < 0.5] = 0
    later = torch.arange(longest) >= (lengths * (1 - share)).ceil().clamp(min=1)[:, None]
    mask = torch.arange(longest) < lengths[:, None]
    share = (later & mask).sum(dim=1) / lengths
    row = torch.where(later, second[:, None], first[:, None])
    tokens = views[row, torch.randint(0, views.shape[1], row.shape, generator=generator)]
    mixed = (1 - share)[:, None] * target[first] + share[:, None] * target[second]
    return tokens, mask, mixed


@torch.no_grad()
def embed(network: ExpressionNet, faces: Faces, generator: torch.Generator | None = None) -> Tensor:
    """(N, 256) tokens on the CPU; augmented, and in half precision, when a generator is given."""
    device = next(network.parameters()).device
    tokens = []
    for rows in torch.arange(len(faces)).split(512):
        pixels = scaled(faces.pixels[rows])
        if generator is not None:
            pixels = augment(pixels, generator)
        with torch.autocast(device.type, torch.bfloat16, enabled=generator is not None):
            tokens.append(
                network(pixels.to(device).contiguous(memory_format=torch.channels_last)).float().cpu()
            )
    return torch.cat(tokens)


@torch.no_grad()
def predict(network: ExpressionNet, peer: Peer, faces: Faces) -> np.ndarray:
    """(N, C) probabilities that the peer gives to single faces."""
    tokens = embed(network, faces)[:, None]
    mask = torch.ones(len(faces), 1, dtype=torch.bool)
    return peer(tokens, torch.zeros(len(faces), 1), mask).logits.sigmoid().numpy()


def face_figures(
    probabilities: np.ndarray, faces: Faces, contempt: np.ndarray | None = None
) -> dict[str, float]:
    """Accuracy of the most probable label.

    `accuracy` is FER+'s: over the faces with a majority. A majority for contempt counts as an error unless a
    probability for contempt is given, since it is not among the seven labels. `plurality_accuracy` is over
    all faces, against the label with most votes. `macro_f1` is over the seven labels of the former.

    Args:
        probabilities: (N, C).
        faces: the N faces.
        contempt: (N,) probability of contempt.
    """
    ours = probabilities if contempt is None else np.concatenate([probabilities, contempt[:, None]], axis=1)
    guess, majority, shares = ours.argmax(axis=1), faces.majority.numpy(), faces.target.numpy()
    most = np.concatenate([shares, 1 - shares.sum(axis=1, keepdims=True)], axis=1).argmax(axis=1)
    decided = majority >= 0
    seven = decided & (majority < len(EMOTIONS))
    f1 = f1_score(majority[seven], guess[seven], labels=range(7), average="macro", zero_division=0)
    return {
        "accuracy": float((guess == majority)[decided].mean()),
        "plurality_accuracy": float((guess == most).mean()),
        "macro_f1": float(f1),
    }


def _first(faces: Faces, count: int) -> Faces:
    return Faces(faces.pixels[:count], faces.target[:count], faces.majority[:count])
