"""The network that a training begins with: its weights, and the statistics of its input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch

from core.encoders.weight_files import read_tensors
from core.errors import ConfigError
from core.labels import MODALITIES, Modality
from core.models.embeddings import embedding, is_raw
from core.models.fusion import EmotionNet
from core.models.peers import Peer
from core.models.raw.word_pieces import PieceEmbedding
from core.models.storage import load_network
from core.spec import ModelSpec, read_spec
from train.config import TrainingConfig
from train.data.token_set import Ragged, TokenRows, TokenSet
from train.encoders.moment_readout import solve_labels

SAMPLED: Final = 256
"""Examples of a corpus from which the statistics of raw input are estimated."""


def new_network(
    config: TrainingConfig, spec: ModelSpec, encoders: Path, train: Sequence[TokenSet]
) -> EmotionNet:
    """Peers and fusion as the preset wants them.

    Args:
        config: the preset.
        spec: of the new checkpoint.
        encoders: folder of the first stage, or a checkpoint.
        train: training parts; fresh peers standardise their tokens by them.

    Raises:
        ConfigError, ModelError, SpecMismatch: what it begins with is absent or has other sizes.
    """
    torch.manual_seed(config.optimisation.seed)
    sizes = config.sizes
    own = None
    if is_raw(spec.encoders):
        own = {m: embedding(encoder, sizes.width) for m, encoder in spec.encoders.items()}
    net = EmotionNet(
        {m: encoder.width for m, encoder in spec.encoders.items()},
        len(spec.labels),
        sizes.spec(),
        dropout=sizes.dropout,
        peer_gradient=sizes.peer_gradient,
        embeddings=own,
    )
    if config.peers == "first_stage":
        load_peers(net, encoders)
    elif config.peers == "checkpoint":
        load_checkpoint(net, encoders)
    else:
        set_input_statistics(net, train)
        for modality, strength in config.linear_start.items():
            initialise_linear(net, modality, train, strength)
    return net


def load_peers(net: EmotionNet, folder: Path) -> None:
    """Start from the peers that were trained together with the encoders.

    Raises:
        ConfigError: a file is absent.
        ModelError: it has other sizes.
    """
    for modality in MODALITIES:
        path = folder / f"peer_{modality}.safetensors"
        if not path.is_file():
            raise ConfigError(
                "is not there: the first stage writes it.", where=str(path), fix="Or set peers=fresh."
            )
        peer = net.peers[modality]
        peer.load_state_dict(read_tensors(path, expected=peer.state_dict()))


def load_checkpoint(net: EmotionNet, folder: Path) -> None:
    """Start from a whole checkpoint: what it knows is the beginning.

    Raises:
        SpecMismatch: the folder holds no checkpoint.
        ConfigError: its network has other sizes than the preset's.
    """
    spec = read_spec(folder)
    try:
        net.load_state_dict(load_network(spec, folder).state_dict())
    except RuntimeError as error:
        raise ConfigError(
            "the checkpoint's network has other sizes than those of the preset.",
            where=str(folder),
            fix=f"Set sizes to {spec.fusion.model_dump(exclude={'file', 'file_sha256'})}.",
        ) from error


def initialise_linear(
    net: EmotionNet, modality: Modality, train: Sequence[TokenSet], strength: float
) -> None:
    """Let a peer with statistics begin as a logistic regression on the training parts."""
    peer = net.peers[modality]
    assert isinstance(peer, Peer)
    column = MODALITIES.index(modality)
    having = [(s, np.flatnonzero(s.present[:, column]).tolist()) for s in train if modality in s.tokens]
    solve_labels(
        peer,
        [torch.from_numpy(s.tokens[modality][row].values) for s, rows in having for row in rows],
        np.concatenate([s.targets[rows] for s, rows in having]),
        np.concatenate([s.known[rows] for s, rows in having]),
        strength=strength,
    )


def set_input_statistics(net: EmotionNet, train: Sequence[TokenSet]) -> None:
    """Standardise the tokens of each modality, by training parts alone; not the ids of word pieces."""
    for modality in MODALITIES:
        peer = net.peers[modality]
        assert isinstance(peer, Peer)
        parts = [_values(s.tokens[modality]) for s in train if modality in s.tokens]
        if parts and not isinstance(peer.project, PieceEmbedding):
            values = torch.from_numpy(np.concatenate(parts)).float()
            peer.set_input_statistics(values.mean(dim=0), values.std(dim=0))


def _values(rows: TokenRows) -> np.ndarray:
    """(S, D) all tokens, or those of some examples where they are not in memory."""
    if isinstance(rows, Ragged):
        return rows.values
    there = np.flatnonzero(rows.lengths)
    chosen = np.random.default_rng(0).permutation(there)[:SAMPLED]
    found = [rows[int(row)].values[:: max(1, int(rows.lengths[row]) // 32)] for row in chosen]
    return np.concatenate(found) if found else np.zeros((0, rows.width), np.float32)
