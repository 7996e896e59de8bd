"""Building blocks of the peers and the fusion network.

Legend: B batch, Q queries, K keys, H heads, d width.

Everything is plain matrix arithmetic with static shapes, so that it exports to ONNX and TensorRT as it is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from core.encoders.attention import split_heads

MASKED = -1.0e4
"""Added to the scores of masked keys: exp underflows to 0, yet a row that is masked throughout stays finite,
and the number fits into float16."""


def key_bias(visible: Tensor) -> Tensor:
    """Turn a mask of keys into a bias for attention scores.

    Args:
        visible: (B, K) bool, True where a key may be attended to.

    Returns:
        (B, 1, 1, K) float, 0 where visible and `MASKED` elsewhere.
    """
    return ((~visible).to(torch.float32) * MASKED)[:, None, None, :]


class Attention(nn.Module):
    """Multi-head attention that also returns its weights.

    Args:
        width: d, of queries, keys and output.
        heads: H; must divide d.
        dropout: on the attention weights, in training only.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads do not divide a width of {width}")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, keys: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """Attend from (B, Q, d) to (B, K, d).

        Args:
            queries: (B, Q, d).
            keys: (B, K, d), also the source of the values.
            bias: (B, 1, 1, K) added to the scores, from `key_bias`, or None when every key is visible.

        Returns:
            (B, Q, d) the result, and (B, H, Q, K) the weights; each row of weights sums to 1.
        """
        q = split_heads(self.query(queries), self.heads)  # (B, H, Q, d/H)
        k = split_heads(self.key(keys), self.heads)  # (B, H, K, d/H)
        v = split_heads(self.value(keys), self.heads)  # (B, H, K, d/H)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # (B, H, Q, K)
        if bias is not None:
            scores = scores + bias
        # In float32 whatever the precision of the rest: the mask needs the range.
        weights = scores.float().softmax(dim=-1).to(v.dtype)
        mixed = (self.dropout(weights) @ v).transpose(1, 2).flatten(2)  # (B, Q, d)
        out: Tensor = self.out(mixed)
        return out, weights


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them. (B, T, d) -> (B, T, d)."""

    def __init__(self, width: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to each position alone."""
        y: Tensor = self.down(self.dropout(nn.functional.gelu(self.up(x))))
        return y


class SelfBlock(nn.Module):
    """Pre-norm transformer block: self-attention, then feed-forward, each with a residual.

    Args:
        width, heads, hidden: d, H and the inner width of the feed-forward part.
        dropout: on weights, hidden units and residual branches, in training only.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.norm_feedforward = nn.LayerNorm(width)
        self.feedforward = FeedForward(width, hidden, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """(B, T, d) -> (B, T, d); `bias` as in `Attention`."""
        y = self.norm_attention(x)
        x = x + self.dropout(self.attention(y, y, bias)[0])
        x = x + self.dropout(self.feedforward(self.norm_feedforward(x)))
        return x


class SecondsEncoding(nn.Module):
    """Positions as seconds since the window's start: sines and cosines, then a learned linear map.

    The same second has the same code in every modality, whatever its token rate. Periods run from 0.25 s,
    twice the spacing of the densest tokens, to 32 s, beyond the longest window.

    Args:
        width: d of the output.
        periods: number of sine and cosine pairs.
    """

    angular: Tensor

    def __init__(self, width: int, periods: int = 16) -> None:
        super().__init__()
        exponents = torch.linspace(0.0, 1.0, periods)
        period_s = 0.25 * (32.0 / 0.25) ** exponents
        self.register_buffer("angular", 2.0 * math.pi / period_s, persistent=False)
        self.project = nn.Linear(2 * periods, width)

    def forward(self, times_s: Tensor) -> Tensor:
        """(B, T) seconds -> (B, T, d)."""
        phase = times_s[..., None] * self.angular  # (B, T, periods)
        code: Tensor = self.project(torch.cat([phase.sin(), phase.cos()], dim=-1))
        return code
