"""The published weights: where their files lie, and how their names fit the networks'.

A network is built without data and then given a checkpoint's tensors. A name that is missing or
surplus is an error that tells it, but for parts that are known not to be used.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ...contract.cards import Checkpoint
from ...errors import WeightsDamaged, WeightsMissing
from ...weights import files_of

Sizes = dict[str, tuple[int, ...]]
Names = tuple[str, ...]  # beginnings of parameters' names

REMEDY = "Download it again, or import the checkpoint that belongs here."


@dataclass(frozen=True)
class TensorFiles:
    """The tensors of one network, in one safetensors file or in several shards."""

    files: tuple[Path, ...]

    @property
    def title(self) -> str:
        """The file as people know it."""
        return str(self.files[0])

    @property
    def parameters(self) -> int:
        """How many numbers they hold."""
        return sum(math.prod(size) for size in self.sizes().values())

    def sizes(self) -> Sizes:
        """Shapes by name, from the headers alone.

        Raises:
            WeightsDamaged: a file is cut off or of another kind.
        """
        return {
            name: tuple(file.get_slice(name).get_shape())
            for file in self._opened("cpu")
            for name in file.keys()  # noqa: SIM118  (it is no dictionary)
        }

    def tensors(self, device: str) -> Iterator[tuple[str, Tensor]]:
        """One by one, so that no second copy of all is held.

        Raises:
            WeightsDamaged: a file is cut off or of another kind.
        """
        for file in self._opened(device):
            for name in file.keys():  # noqa: SIM118
                yield name, file.get_tensor(name)

    def _opened(self, device: str) -> Iterator[safe_open]:
        for path in self.files:
            try:
                with safe_open(path, framework="pt", device=device) as file:
                    yield file
            except (SafetensorError, OSError) as error:
                raise WeightsDamaged(f"The weights {path} cannot be read.", REMEDY) from error


def tensor_files(checkpoint: Checkpoint) -> TensorFiles:
    """The weights of a checkpoint that holds those of one network.

    Raises:
        WeightsMissing, WeightsDamaged: see weights.files_of.
    """
    patterns = [file.path for file in checkpoint.files if file.path.endswith(".safetensors")]
    return TensorFiles(tuple(path for p in patterns for path in files_of(checkpoint, p)))


def config_file(checkpoint: Checkpoint) -> Path:
    """The configuration beside a checkpoint's weights.

    Raises:
        WeightsMissing, WeightsDamaged: see weights.files_of.
    """
    patterns = [file.path for file in checkpoint.files if file.path.endswith(".json")]
    found = [path for p in patterns for path in files_of(checkpoint, p)]
    for path in found:
        if path.name == "config.json":
            return path
    raise WeightsMissing(f"{checkpoint.title} has no configuration.", REMEDY)


def read_config(file: Path) -> dict[str, object]:
    """A network's or scheduler's JSON configuration.

    Raises:
        WeightsMissing, WeightsDamaged: it is not there, or is no JSON object.
    """
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsMissing(f"There is no configuration {file}.", REMEDY) from None
    except (OSError, ValueError) as error:
        raise WeightsDamaged(f"The configuration {file} cannot be read.", REMEDY) from error
    if not isinstance(config, dict):
        raise WeightsDamaged(f"The configuration {file} is no JSON object.", REMEDY)
    return config


@dataclass(frozen=True)
class Loading:
    """How a network's parameters are to be held."""

    device: str
    dtype: torch.dtype = torch.float32


def load_network(
    network: nn.Module,
    files: TensorFiles,
    loading: Loading,
    rename: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = dict,
    unused: Names = (),
) -> None:
    """Give `network`, built on the meta device, the checkpoint's tensors, ready to infer.

    unused: beginnings of names in the checkpoint to pass over.

    Raises:
        WeightsDamaged: the checkpoint is cut off, or another network's.
    """
    tensors = {
        name: tensor.to(loading.dtype)
        for name, tensor in files.tensors(loading.device)
        if not (unused and name.startswith(unused))
    }
    fill(network, rename(tensors), title=files.title)
    for module in network.modules():  # what is computed and in no checkpoint
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer.to(loading.device))
    network.eval().requires_grad_(False)


def fill(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    dropped: Names = (),
    absent: Names = (),
    title: str = "the checkpoint",
) -> None:
    """Give `network` these parameters, every one of them and no others.

    Args:
        dropped: beginnings of the tensors' names that are not wanted.
        absent: beginnings of the parameters' names that may be without a tensor.
        title: the checkpoint's, for messages.

    Raises:
        WeightsDamaged: a name is missing or surplus, or a size is another.
    """
    kept = {n: t for n, t in tensors.items() if not (dropped and n.startswith(dropped))}
    check_fit(network, {name: tuple(tensor.shape) for name, tensor in kept.items()}, absent, title)
    network.load_state_dict(kept, strict=False, assign=True)


def check_fit(network: nn.Module, sizes: Sizes, absent: Names, title: str) -> None:
    """Refuse tensors that are not the parameters of `network`, naming the first that is wrong.

    Raises:
        WeightsDamaged: as in `fill`.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    needed = [name for name in wanted if not (absent and name.startswith(absent))]
    if missing := sorted(set(needed) - set(sizes)):
        raise WeightsDamaged(f"{title} lacks {_some(missing)}.", REMEDY)
    if surplus := sorted(set(sizes) - set(wanted)):
        raise WeightsDamaged(
            f"{title} holds {_some(surplus)}, which its network does not have.", REMEDY
        )
    for name, size in sizes.items():
        if size != wanted[name]:
            raise WeightsDamaged(
                f"{title} is of another network: its {name} is {_text(size)}, "
                f"not {_text(wanted[name])}.",
                REMEDY,
            )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return names[0] + more


def _text(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size)) or "a number"
