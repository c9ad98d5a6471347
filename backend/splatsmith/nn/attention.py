"""Attention by the fastest kernel that torch has for the device."""

from __future__ import annotations

from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

# In order of preference. On Hopper, cuDNN's kernel is half as fast again as flash attention.
BACKENDS = [
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
]


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Scaled dot-product attention of [B, heads, N, D], without a mask."""
    if not q.is_cuda:
        return scaled_dot_product_attention(q, k, v)
    with sdpa_kernel(BACKENDS, set_priority=True):
        return scaled_dot_product_attention(q, k, v)
