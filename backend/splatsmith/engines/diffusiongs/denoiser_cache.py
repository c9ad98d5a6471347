"""The denoiser as it is held on the device between jobs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ...contract.cards import Variant
from ...contract.problems import InvalidRequest
from ...memory import check_memory
from ...nn import cuda_graphs
from ...nn.checkpoint_files import tensor_files
from ...nn.checkpoint_loading import LoadOptions
from ...nn.offload import MemoryDemand, Offload, choose_offload
from ...nn.precision import choose_precision
from .card import CARD, Model, Settings
from .checkpoint import denoiser_config, load_denoiser, trained_size
from .denoiser import Denoiser, DenoiserInputs

MLP_CHUNK = 2048  # tokens at a time, with `memory` small
MAX_CPU_OPERATIONS = 35e12  # 8 steps of the published network at 256 pixels take 33e12
CPU_MEMORY_FACTOR = 2.5  # of the parameters' size, for them and the activations


@dataclass(frozen=True)
class LoadedDenoiser:
    """evaluate: `network.denoise`, as CUDA graphs where the network stays on the GPU."""

    network: Denoiser
    evaluate: cuda_graphs.Denoiser[DenoiserInputs]
    dtype: torch.dtype
    offload: Offload
    demand: MemoryDemand


class DenoiserCache:
    """Loads a variant's denoiser, and keeps it until its precision or offload change."""

    def __init__(self, variant: Variant, model: Model, device: str) -> None:
        self._variant = variant
        self._model = model
        self._device = device
        self._loaded: LoadedDenoiser | None = None

    def model(self) -> Model:
        """The variant's model, at the size of views its weights were trained on.

        Raises:
            WeightsMissing, WeightsDamaged: what the names say.
        """
        size = trained_size(tensor_files(self._model.checkpoint))
        return self._model if size is None else replace(self._model, size=size)

    def get(self, settings: Settings, evaluations: int) -> LoadedDenoiser:
        """The denoiser for these settings and so many evaluations.

        Raises:
            InvalidRequest: it is too much for a CPU, or the device cannot compute in the precision.
            WeightsMissing, WeightsDamaged, OutOfMemory: what the names say.
        """
        if self._device == "cpu":
            self._check_cpu_work(evaluations)
        dtype = choose_precision(settings.precision, self._device, preferred=torch.float16)
        demand = self._demand(dtype)
        offload = choose_offload(settings.memory, self._device, demand)
        loaded = self._loaded
        if loaded is None or (loaded.dtype, loaded.offload) != (dtype, offload):
            self._loaded = None
            self._loaded = loaded = self._load(dtype, offload, demand)
        return loaded

    def _load(self, dtype: torch.dtype, offload: Offload, demand: MemoryDemand) -> LoadedDenoiser:
        files = tensor_files(self._model.checkpoint)
        if offload.load_device == "cpu":
            needed = round(CPU_MEMORY_FACTOR * dtype.itemsize * files.parameters)
            check_memory(needed, "The network and its activations", "Close other programs.")
        network = load_denoiser(files, self._model.subject, LoadOptions(offload.load_device, dtype))
        network.set_chunk(None if offload.stays else MLP_CHUNK)
        uses_graphs = offload.stays and self._device != "cpu"
        evaluate = cuda_graphs.GraphedDenoiser(network.denoise) if uses_graphs else network.denoise
        return LoadedDenoiser(network, evaluate, dtype, offload, demand)

    def _check_cpu_work(self, evaluations: int) -> None:
        config = denoiser_config(tensor_files(self._model.checkpoint).shapes())
        size = self.model().size
        operations = evaluations * config.operations(size)
        if operations > MAX_CPU_OPERATIONS:
            raise InvalidRequest(
                f"{evaluations} steps at {size} pixels are {operations / 1e12:,.0f} "
                "trillion operations, which keep a CPU busy for a long time.",
                "Use a GPU, or a variant of 256 pixels with 8 steps at most.",
            )

    def _demand(self, dtype: torch.dtype) -> MemoryDemand:
        key = "float32" if dtype is torch.float32 else "float16"
        fast, small = (each.memory_bytes.get(key, 0) for each in (self._model, self._variant))
        least = {each.id: min(each.memory_bytes.values()) for each in CARD.variants}
        return MemoryDemand(fast, small, least)
