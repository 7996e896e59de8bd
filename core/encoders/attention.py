"""Multi-head attention over short sequences: both pretrained encoders use it, and our own blocks its heads.

Written as two products and a softmax: for at most a hundred positions that is faster than torch's fused
kernel, above all in training on a CPU, and every ONNX runtime knows the operators.
"""

from __future__ import annotations

from torch import Tensor


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, bias: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention.

    Args:
        query: (B, Q, D).
        key, value: (B, K, D).
        heads: divides D.
        bias: broadcast against (B, heads, Q, K) and added to the scores; None = all is attended to.

    Returns:
        (B, Q, D).
    """
    query, key, value = split_heads(query, heads), split_heads(key, heads), split_heads(value, heads)
    scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5
    if bias is not None:
        scores = scores + bias
    mixed: Tensor = scores.float().softmax(dim=-1).to(value.dtype) @ value
    return mixed.transpose(1, 2).flatten(2)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, T, D) -> (B, heads, T, D / heads)."""
    return x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)
