"""The converter: a process of its own that reads one pickled checkpoint and writes safetensors.

Started by `weights.conversion` as `python -P -m splatsmith.worker.checkpoint_converter`. torch
reads the pickle with `weights_only`: it can name tensors and plain containers, and nothing else is
called or imported. Ends when its input does, which is when its parent does, whatever the reason.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import queue
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..contract.problems import SplatsmithError
from ..errors import UnsafeWeights, WeightsDamaged, to_problem
from ..weights.conversion_messages import (
    ConversionDone,
    ConversionFailed,
    Message,
    OpenPickle,
    PickleContent,
    TensorsWritten,
    WriteTensors,
    decode,
    encode,
)
from ..weights.file_formats import ZIP_MAGIC
from ..weights.safetensors_files import StoredTensor, safetensors_header

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None

SPARE_BYTES = 4 << 30  # that reading may take beside twice the file's size
DTYPE_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
# How torch's restricted unpickler names what it does not import.
FORBIDDEN_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
SAFE_SOURCE = "Get the file from a source that you trust, best as safetensors."


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl+C means
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints

    def send(message: Message) -> None:
        outgoing.write(encode(message))
        outgoing.flush()

    try:
        _convert(_listen(sys.stdin), send)
    except Exception as error:  # noqa: BLE001  the parent tells the user
        send(ConversionFailed(to_problem(error)))


def _convert(incoming: queue.SimpleQueue[Message], send: Callable[[Message], None]) -> None:
    opened = incoming.get()
    assert isinstance(opened, OpenPickle)
    path = Path(opened.path)
    tensors, others = _flatten(_load(path), path)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    send(PickleContent(shapes, tuple(others)))
    order = incoming.get()
    assert isinstance(order, WriteTensors)
    chosen = {stored: tensors[name] for name, stored in order.stored_names.items()}
    send(_write(Path(order.target), chosen, send))


def _listen(lines: TextIO) -> queue.SimpleQueue[Message]:
    messages: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def listen() -> None:
        for line in lines:
            messages.put(decode(line))
        os._exit(1)  # the parent is gone, or has given up

    threading.Thread(target=listen, name="listener", daemon=True).start()
    return messages


def _load(path: Path) -> object:
    """The unpickled content; the tensors of an archive stay on the disk until they are read.

    Raises:
        UnsafeWeights: it names something to import or to call beside tensors and containers.
        WeightsDamaged: it is truncated, or no checkpoint.
    """
    _limit_memory(2 * path.stat().st_size + SPARE_BYTES)
    try:
        return _unpickle(path)
    except pickle.UnpicklingError as error:
        raise _refusal(path, str(error)) from error
    except MemoryError as error:
        raise UnsafeWeights(
            f"{path} asks for far more memory than a file of its size may.", SAFE_SOURCE
        ) from error
    except Exception as error:  # noqa: BLE001  whatever a damaged file makes torch raise
        raise _damaged(path) from error


def _unpickle(path: Path) -> object:
    with path.open("rb") as file:
        is_archive = file.read(len(ZIP_MAGIC)) == ZIP_MAGIC
        file.seek(0)
        # torch goes by this suffix alone, and maps what it finds by a path.
        can_map = is_archive and path.suffix != ".safetensors"
        source = path if can_map else file
        return torch.load(source, map_location="cpu", weights_only=True, mmap=can_map)


def _refusal(path: Path, reason: str) -> SplatsmithError:
    if found := FORBIDDEN_GLOBAL.search(reason):
        return UnsafeWeights(
            f"{path} holds code ({found[1]}) beside weights. It was not read, and nothing of it"
            " was run.",
            SAFE_SOURCE,
        )
    if "truncated" in reason or "ran out of input" in reason.lower():
        return _damaged(path)
    return UnsafeWeights(
        f"{path} holds something else than weights. It was not read, and nothing of it was run.",
        SAFE_SOURCE,
    )


def _damaged(path: Path) -> WeightsDamaged:
    return WeightsDamaged(
        f"{path} is cut off, damaged, or no checkpoint of PyTorch.", "Copy or fetch it again."
    )


def _limit_memory(size_bytes: int) -> None:
    if resource is not None and sys.platform == "linux":  # elsewhere it limits something else
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = size_bytes if hard == resource.RLIM_INFINITY else min(size_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _flatten(content: object, path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors by name, those of nested dictionaries as "outer/inner", and names of all else.

    Raises:
        WeightsDamaged: the content is no dictionary.
    """
    if not isinstance(content, Mapping):
        raise WeightsDamaged(
            f"{path} holds {type(content).__name__}, not a dictionary of tensors.",
            "Save the network's state_dict.",
        )
    tensors: dict[str, Tensor] = {}
    others: list[str] = []
    for name, value in _members(content):
        if isinstance(value, Tensor) and _is_plain(value):
            tensors[name] = value.detach()
        else:
            others.append(name)
    return tensors, others


def _members(content: Mapping[object, object]) -> Iterator[tuple[str, object]]:
    for outer, value in content.items():
        if isinstance(value, Mapping):
            yield from ((f"{outer}/{inner}", each) for inner, each in value.items())
        else:
            yield str(outer), value


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and tensor.dtype in DTYPE_NAMES and not tensor.is_meta


def _write(
    target: Path, tensors: Mapping[str, Tensor], send: Callable[[Message], None]
) -> ConversionDone:
    """Write the safetensors file one tensor at a time, so that one alone is in memory."""
    # In the format's own order: the widest types first, so that all are aligned.
    ordered = sorted(tensors.items(), key=lambda each: (-each[1].element_size(), each[0]))
    header, total = safetensors_header(
        StoredTensor(name, DTYPE_NAMES[each.dtype], each.shape, each.numel() * each.element_size())
        for name, each in ordered
    )
    digest = hashlib.sha256(header)
    with target.open("wb") as file:
        file.write(header)
        for _, tensor in ordered:
            content = _bytes(tensor)
            file.write(content.data)
            digest.update(content.data)
            send(TensorsWritten(file.tell() - len(header), total))
        file.flush()
        os.fsync(file.fileno())
        return ConversionDone(digest.hexdigest())


def _bytes(tensor: Tensor) -> NDArray[np.uint8]:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy()


if __name__ == "__main__":
    main()
