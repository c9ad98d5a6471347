"""Denoiser evaluations as CUDA graphs.

A transformer evaluation launches about a thousand small kernels, and launching them one by one
costs more than running them. A captured graph is one launch: two to three times as fast.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Generic, Self, TypeVar

import torch
from torch import Tensor

log = logging.getLogger(__name__)

MAX_GRAPHS = 3  # each keeps the memory of its activations
WARM_UP_RUNS = 2  # before capture, so that libraries have chosen their algorithms

Signature = tuple[object, ...]


class GraphInputs:
    """Base of dataclasses with a denoiser's conditioning: tensors, None, and plain values."""

    def tensors(self) -> dict[str, Tensor]:
        """The tensor fields by name."""
        return {name: value for name, value in self._items() if isinstance(value, Tensor)}

    def non_tensors(self) -> tuple[object, ...]:
        """The other fields' values, None included."""
        return tuple(value for _, value in self._items() if not isinstance(value, Tensor))

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """A copy with `function` applied to every tensor."""
        mapped = {name: function(value) for name, value in self.tensors().items()}
        return replace(self, **mapped)  # pyright: ignore[reportArgumentType]

    def _items(self) -> list[tuple[str, object]]:
        declared = fields(self)  # pyright: ignore[reportArgumentType]
        return [(field.name, getattr(self, field.name)) for field in declared]


Inputs = TypeVar("Inputs", bound=GraphInputs)
Denoiser = Callable[[Tensor, Tensor, Inputs], Tensor]
"""(noisy latents, time, conditioning) to the prediction."""

TensorFunction = Callable[[Tensor], tuple[Tensor, ...]]


@dataclass(frozen=True)
class _CapturedGraph(Generic[Inputs]):
    """A graph with the static tensors that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    latents: Tensor
    time: Tensor
    inputs: Inputs
    output: Tensor

    def replay(self, latents: Tensor, time: Tensor, inputs: Inputs) -> Tensor:
        self.latents.copy_(latents)
        self.time.copy_(time)
        values = inputs.tensors()
        for name, static in self.inputs.tensors().items():
            static.copy_(values[name])
        self.graph.replay()
        return self.output.clone()


class GraphedDenoiser(Generic[Inputs]):
    """`denoiser` as CUDA graphs, one per combination of shapes, captured at its first call.

    The denoiser's parameters must stay where they are in memory.
    """

    def __init__(self, denoiser: Denoiser[Inputs]) -> None:
        self._denoiser = denoiser
        self._graphs: dict[Signature, _CapturedGraph[Inputs] | None] = {}

    def __call__(self, latents: Tensor, time: Tensor, inputs: Inputs) -> Tensor:
        with torch.cuda.device(latents.device):
            return self._evaluate(latents, time, inputs)

    def _evaluate(self, latents: Tensor, time: Tensor, inputs: Inputs) -> Tensor:
        signature = _signature(latents, time, inputs)
        if signature not in self._graphs:
            if len(self._graphs) == MAX_GRAPHS:
                self._graphs.pop(next(iter(self._graphs)))
            self._graphs[signature] = self._capture(latents, time, inputs)
        graph = self._graphs[signature]
        if graph is None:
            return self._denoiser(latents, time, inputs)
        return graph.replay(latents, time, inputs)

    def _capture(
        self, latents: Tensor, time: Tensor, inputs: Inputs
    ) -> _CapturedGraph[Inputs] | None:
        """None where a kernel cannot be captured: the denoiser is then called eagerly."""
        static = (latents.clone(), time.clone(), inputs.map(torch.clone))
        try:
            _warm_up(self._denoiser, *static)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                output = self._denoiser(*static)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.warning("the denoiser cannot be recorded and runs slower: %s", error)
            return None
        return _CapturedGraph(graph, *static, output)


def graph_with_gradients(function: TensorFunction, example: Tensor) -> TensorFunction:
    """`function` with its backward pass as CUDA graphs; `function` itself if capture fails.

    The output tensors are overwritten by the next call.

    Args:
        function: its parameters must not require gradients.
        example: an argument; all must have its shape and device.
    """
    try:
        with torch.cuda.device(example.device), torch.enable_grad():
            sample = (example.detach().clone().requires_grad_(),)
            return torch.cuda.make_graphed_callables(function, sample)  # pyright: ignore
    except torch.cuda.OutOfMemoryError:
        raise
    except RuntimeError as error:
        log.warning("the decoder cannot be recorded and is fitted more slowly: %s", error)
        return function


def _warm_up(denoiser: Denoiser[Inputs], latents: Tensor, time: Tensor, inputs: Inputs) -> None:
    """On a side stream, as capture requires."""
    stream = torch.cuda.Stream(latents.device)
    stream.wait_stream(torch.cuda.current_stream(latents.device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP_RUNS):
            denoiser(latents, time, inputs)
    torch.cuda.current_stream(latents.device).wait_stream(stream)


def _signature(latents: Tensor, time: Tensor, inputs: GraphInputs) -> Signature:
    tensors = {"latents": latents, "time": time, **inputs.tensors()}
    shapes = tuple((name, each.shape, each.dtype) for name, each in tensors.items())
    return (*shapes, *inputs.non_tensors())
