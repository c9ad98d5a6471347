"""Evaluations of networks as recorded CUDA graphs.

The networks are made of a thousand small kernels, and a GPU waits for the host between them; a
graph is launched as one and runs two to three times as fast.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Generic, Self, TypeVar

import torch
from torch import Tensor

log = logging.getLogger(__name__)

MOST_RECORDINGS = 3  # each holds the memory of its activations
WARM_UPS = 2  # evaluations that choose algorithms and must not be recorded

Signature = tuple[object, ...]


class Given:
    """Base of dataclasses that tell a denoiser something: tensors, None, and plain values."""

    def tensors(self) -> dict[str, Tensor]:
        """All that are there, by name."""
        return {name: value for name, value in self._named() if isinstance(value, Tensor)}

    def plain(self) -> tuple[object, ...]:
        """Everything else."""
        return tuple(value for _, value in self._named() if not isinstance(value, Tensor))

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same with every tensor changed."""
        changed = {name: change(value) for name, value in self.tensors().items()}
        return replace(self, **changed)  # pyright: ignore[reportArgumentType]

    def _named(self) -> list[tuple[str, object]]:
        own = fields(self)  # pyright: ignore[reportArgumentType]
        return [(each.name, getattr(self, each.name)) for each in own]


Told = TypeVar("Told", bound=Given)
Evaluate = Callable[[Tensor, Tensor, Told], Tensor]
"""Noisy latents and time to what is predicted of them."""

Decode = Callable[[Tensor], tuple[Tensor, ...]]


@dataclass(frozen=True)
class _Recording(Generic[Told]):
    graph: torch.cuda.CUDAGraph
    latents: Tensor
    time: Tensor
    told: Told
    answer: Tensor

    def play(self, latents: Tensor, time: Tensor, told: Told) -> Tensor:
        self.latents.copy_(latents)
        self.time.copy_(time)
        given = told.tensors()
        for name, place in self.told.tensors().items():
            place.copy_(given[name])
        self.graph.replay()
        return self.answer.clone()


class RecordedDenoiser(Generic[Told]):
    """Evaluates like `denoiser`, which must stay where it is; records at the first call."""

    def __init__(self, denoiser: Evaluate[Told]) -> None:
        self._denoiser = denoiser
        self._recordings: dict[Signature, _Recording[Told] | None] = {}

    def __call__(self, latents: Tensor, time: Tensor, told: Told) -> Tensor:
        with torch.cuda.device(latents.device):
            return self._evaluate(latents, time, told)

    def _evaluate(self, latents: Tensor, time: Tensor, told: Told) -> Tensor:
        signature = _signature(latents, time, told)
        if signature not in self._recordings:
            if len(self._recordings) == MOST_RECORDINGS:
                self._recordings.pop(next(iter(self._recordings)))
            self._recordings[signature] = self._record(latents, time, told)
        recording = self._recordings[signature]
        if recording is None:
            return self._denoiser(latents, time, told)
        return recording.play(latents, time, told)

    def _record(self, latents: Tensor, time: Tensor, told: Told) -> _Recording[Told] | None:
        """None where a kernel cannot be recorded; the plain evaluation then stays."""
        places = (latents.clone(), time.clone(), told.map(torch.clone))
        try:
            _warm_up(self._denoiser, *places)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                answer = self._denoiser(*places)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.warning("the denoiser cannot be recorded and runs slower: %s", error)
            return None
        return _Recording(graph, *places, answer)


def record_with_gradients(evaluate: Decode, like: Tensor) -> Decode:
    """`evaluate` and its gradient by its argument as recorded graphs; plain if they cannot be.

    Each answer is lost with the next one.

    Args:
        evaluate: what it is made of besides must not ask for gradients.
        like: an argument; all must have its shape and be on its device.
    """
    try:
        with torch.cuda.device(like.device), torch.enable_grad():
            example = (like.detach().clone().requires_grad_(),)
            return torch.cuda.make_graphed_callables(evaluate, example)  # pyright: ignore
    except torch.cuda.OutOfMemoryError:
        raise
    except RuntimeError as error:
        log.warning("the decoder cannot be recorded and is fitted more slowly: %s", error)
        return evaluate


def _warm_up(denoiser: Evaluate[Told], latents: Tensor, time: Tensor, told: Told) -> None:
    """On a stream of its own, as recording wants it."""
    stream = torch.cuda.Stream(latents.device)
    stream.wait_stream(torch.cuda.current_stream(latents.device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            denoiser(latents, time, told)
    torch.cuda.current_stream(latents.device).wait_stream(stream)


def _signature(latents: Tensor, time: Tensor, told: Given) -> Signature:
    tensors = {"latents": latents, "time": time, **told.tensors()}
    shapes = tuple((name, each.shape, each.dtype) for name, each in tensors.items())
    return (*shapes, *told.plain())
