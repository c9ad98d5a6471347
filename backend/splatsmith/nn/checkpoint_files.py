"""A checkpoint's files as tensors and configurations."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..contract.cards import Checkpoint
from ..errors import WeightsDamaged, WeightsMissing
from ..weights import files_of

Shapes = dict[str, tuple[int, ...]]  # by key
KeyPrefixes = tuple[str, ...]

REMEDY = "Download it again, or import the checkpoint that belongs here."


@dataclass(frozen=True)
class TensorFiles:
    """The tensors of one network, in one safetensors file or in several shards."""

    files: tuple[Path, ...]

    @property
    def title(self) -> str:
        """For messages."""
        return str(self.files[0])

    @property
    def parameters(self) -> int:
        """Number of elements of all tensors."""
        return sum(math.prod(shape) for shape in self.shapes().values())

    def shapes(self) -> Shapes:
        """From the files' headers alone.

        Raises:
            WeightsDamaged: a file is cut off or of another kind.
        """
        return {
            key: tuple(file.get_slice(key).get_shape())
            for file in self._open("cpu")
            for key in file.keys()  # noqa: SIM118  (it is no dictionary)
        }

    def metadata(self) -> dict[str, str]:
        """What the files' headers say beside their tensors.

        Raises:
            WeightsDamaged: a file is cut off or of another kind.
        """
        return {
            key: value
            for file in self._open("cpu")
            for key, value in (file.metadata() or {}).items()
        }

    def tensors(self, device: str, unused: KeyPrefixes = ()) -> Iterator[tuple[str, Tensor]]:
        """Keys and tensors one by one, so that no second copy of all is in memory; those whose keys
        begin with a prefix in `unused` are not read.

        Raises:
            WeightsDamaged: a file is cut off or of another kind.
        """
        for file in self._open(device):
            for key in file.keys():  # noqa: SIM118
                if not (unused and key.startswith(unused)):
                    yield key, file.get_tensor(key)

    def _open(self, device: str) -> Iterator[safe_open]:
        for path in self.files:
            try:
                with safe_open(path, framework="pt", device=device) as file:
                    yield file
            except (SafetensorError, OSError) as error:
                raise WeightsDamaged(f"The weights {path} cannot be read.", REMEDY) from error


def tensor_files(checkpoint: Checkpoint) -> TensorFiles:
    """The weights of a checkpoint with one network.

    Raises:
        WeightsMissing, WeightsDamaged: see weights.files_of.
    """
    patterns = [
        file.path
        for file in checkpoint.files
        if file.has_weights or file.path.endswith(".safetensors")
    ]
    return TensorFiles(tuple(path for p in patterns for path in files_of(checkpoint, p)))


def config_file(checkpoint: Checkpoint) -> Path:
    """The config.json beside a checkpoint's weights.

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
