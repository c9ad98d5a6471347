"""Strict loading: every parameter has its tensor, and every tensor its parameter.

Networks are built on the meta device, without data, and take over the checkpoint's tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import WeightsDamaged
from .checkpoint_files import REMEDY, KeyPrefixes, Shapes, TensorFiles

RenameKeys = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]


@dataclass(frozen=True)
class LoadOptions:
    """Where, and in which type, a network's parameters are held.

    float32: prefixes of the checkpoint's keys that stay in float32 whatever `dtype` is.
    """

    device: str
    dtype: torch.dtype = torch.float32
    float32: KeyPrefixes = ()

    def dtype_of(self, key: str) -> torch.dtype:
        """Of the checkpoint's tensor `key`."""
        return torch.float32 if key.startswith(self.float32) else self.dtype


def load_network(
    network: nn.Module,
    files: TensorFiles,
    options: LoadOptions,
    rename: RenameKeys = dict,
    unused: KeyPrefixes = (),
) -> None:
    """Give `network`, built on the meta device, its checkpoint's tensors; in evaluation mode.

    Args:
        rename: from the checkpoint's keys to the network's.
        unused: prefixes of the checkpoint's keys to skip.

    Raises:
        WeightsDamaged: the checkpoint is cut off, or another network's.
    """
    tensors = {
        key: tensor.to(options.dtype_of(key))
        for key, tensor in files.tensors(options.device, unused)
    }
    load_parameters(network, rename(tensors), title=files.title)
    for module in network.modules():  # computed buffers, which are in no checkpoint
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer.to(options.device))
    network.eval().requires_grad_(False)


def load_parameters(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    unused: KeyPrefixes = (),
    absent: KeyPrefixes = (),
    title: str = "the checkpoint",
    remedy: str = REMEDY,
) -> None:
    """Give `network` these parameters: every one of them, and no others.

    Args:
        unused: prefixes of the tensors' keys to skip.
        absent: prefixes of the parameters that may have no tensor.
        title, remedy: of the checkpoint, for messages.

    Raises:
        WeightsDamaged: a key is missing or unexpected, or a shape differs.
    """
    kept = {key: t for key, t in tensors.items() if not (unused and key.startswith(unused))}
    shapes = {key: tuple(tensor.shape) for key, tensor in kept.items()}
    if fault := find_mismatch(network, shapes, absent):
        raise WeightsDamaged(f"{title} {fault}.", remedy)
    network.load_state_dict(kept, strict=False, assign=True)


def find_mismatch(network: nn.Module, shapes: Shapes, absent: KeyPrefixes = ()) -> str:
    """The first difference from the keys and shapes of `network`, as a sentence's predicate; ""
    if there is none.
    """
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    required = [key for key in expected if not (absent and key.startswith(absent))]
    if missing := sorted(set(required) - set(shapes)):
        return f"lacks {_first_of(missing)}"
    if unexpected := sorted(set(shapes) - set(expected)):
        return f"holds {_first_of(unexpected)}, which its network does not have"
    for key, shape in shapes.items():
        if shape != expected[key]:
            return (
                f"is of another network: its {key} is {_format(shape)}, "
                f"not {_format(expected[key])}"
            )
    return ""


def _first_of(keys: list[str]) -> str:
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    return keys[0] + more


def _format(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a number"
