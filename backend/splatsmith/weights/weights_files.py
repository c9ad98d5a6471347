"""Files of weights through one interface: what is in them, and how to store it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..progress import Progress
from .conversion import open_pickle
from .file_formats import WeightsFormat, weights_format
from .integrity import read_shapes
from .safetensors_files import rewrite
from .tensor_layouts import Shapes


class WeightsReader(Protocol):
    """An open file of weights.

    shapes: of its tensors, by name. others: names of what is no tensor, in a pickle.
    """

    @property
    def shapes(self) -> Shapes: ...

    @property
    def others(self) -> tuple[str, ...]: ...

    def store(self, target: Path, stored_names: Mapping[str, str], progress: Progress) -> str:
        """Write tensors as safetensors to `target`, complete or not at all; returns its SHA-256.

        Args:
            stored_names: of the tensors to write, the name to store each under, by its own.

        Raises:
            Cancelled: from `progress`.
            StorageFull, WeightsDamaged: what the names say.
        """
        ...


@dataclass(frozen=True)
class SafetensorsReader:
    path: Path
    shapes: Shapes
    others: tuple[str, ...] = ()

    def store(self, target: Path, stored_names: Mapping[str, str], progress: Progress) -> str:
        return rewrite(self.path, target, stored_names, progress)


@contextmanager
def open_weights(path: Path, progress: Progress) -> Iterator[WeightsReader]:
    """Open the file at `path` by its content; a pickle by way of the converter.

    Raises:
        Cancelled: from `progress`.
        WeightsDamaged: it is no file of weights, or is truncated.
        UnsafeWeights: it is a pickle that holds more than weights.
    """
    if weights_format(path) is WeightsFormat.PICKLE:
        with open_pickle(path, progress) as reader:
            yield reader
    else:
        yield SafetensorsReader(path, read_shapes([path]))
