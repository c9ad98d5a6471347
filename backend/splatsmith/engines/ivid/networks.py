"""The networks as they are held on the device between jobs."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...contract.cards import Checkpoint, Variant
from ...contract.problems import InvalidRequest
from ...memory import check_memory
from ...nn import cuda_graphs
from ...nn.checkpoint_files import tensor_files
from ...nn.checkpoint_loading import LoadOptions
from ...nn.offload import MemoryDemand, Offload, choose_offload
from ...nn.precision import choose_precision
from .adm_unet import CONDITIONED_CHANNELS, RGBD, AdmUnet2d, AdmUnetConfig
from .card import CARD, Settings
from .checkpoint import FLOAT32_KEYS, load_unet, unet_config
from .denoising import DenoiserInputs, GuidedDenoiser
from .published_checkpoints import CONDITIONAL, UNCONDITIONAL

CPU_MEMORY_FACTOR = 2.0  # of the parameters' size, for them and the activations
MAX_CPU_OPERATIONS = 40e12
CHECKPOINTS = {UNCONDITIONAL: RGBD, CONDITIONAL: CONDITIONED_CHANNELS}


@dataclass(frozen=True)
class LoadedUnet:
    """evaluate: guided evaluations, as CUDA graphs where the network stays on the GPU."""

    network: AdmUnet2d
    evaluate: cuda_graphs.Denoiser[DenoiserInputs]
    offload: Offload
    demand: MemoryDemand


class NetworkCache:
    """Loads a variant's networks, and keeps them until precision or offload change."""

    def __init__(self, variant: Variant, device: str) -> None:
        self._variant = variant
        self._device = device
        self._key: tuple[torch.dtype, Offload] | None = None
        self._loaded: dict[str, LoadedUnet] = {}

    def config(self, checkpoint: Checkpoint) -> AdmUnetConfig:
        """Of a checkpoint that is here.

        Raises:
            WeightsMissing, WeightsDamaged: what the names say.
        """
        return unet_config(tensor_files(checkpoint))

    def get(self, checkpoint: Checkpoint, settings: Settings) -> LoadedUnet:
        """A checkpoint's network for these settings.

        Raises:
            InvalidRequest: the device cannot compute in the precision.
            WeightsMissing, WeightsDamaged, OutOfMemory: what the names say.
        """
        dtype = choose_precision(settings.precision, self._device, preferred=torch.float16)
        demand = self._demand(dtype)
        offload = choose_offload(settings.memory, self._device, demand)
        if self._key != (dtype, offload):
            self._loaded.clear()
            self._key = (dtype, offload)
        if checkpoint.id not in self._loaded:
            self._loaded[checkpoint.id] = self._load(checkpoint, dtype, offload, demand)
        return self._loaded[checkpoint.id]

    def check_cpu_work(self, checkpoint: Checkpoint, evaluations: int) -> None:
        """Refuse what would keep a CPU busy for hours.

        Raises:
            InvalidRequest: it would.
        """
        operations = evaluations * self.config(checkpoint).operations
        if self._device == "cpu" and operations > MAX_CPU_OPERATIONS:
            raise InvalidRequest(
                f"{evaluations:,} evaluations of the network are {operations / 1e12:,.0f} trillion "
                "operations, which keep a CPU busy for a long time.",
                "Use a GPU, or the sampler fast with few steps and few views.",
            )

    def _load(
        self, checkpoint: Checkpoint, dtype: torch.dtype, offload: Offload, demand: MemoryDemand
    ) -> LoadedUnet:
        files = tensor_files(checkpoint)
        if offload.load_device == "cpu":
            needed = round(CPU_MEMORY_FACTOR * dtype.itemsize * files.parameters)
            check_memory(needed, "The network and its activations", "Close other programs.")
        options = LoadOptions(offload.load_device, dtype, FLOAT32_KEYS)
        network = load_unet(files, CHECKPOINTS[checkpoint], options)
        denoiser = GuidedDenoiser(network)
        uses_graphs = offload.stays and self._device != "cpu"
        evaluate = cuda_graphs.GraphedDenoiser(denoiser) if uses_graphs else denoiser
        return LoadedUnet(network, evaluate, offload, demand)

    def _demand(self, dtype: torch.dtype) -> MemoryDemand:
        key = "float32" if dtype is torch.float32 else "float16"
        needed = self._variant.memory_bytes[key]
        least = {each.id: min(each.memory_bytes.values()) for each in CARD.variants}
        return MemoryDemand(needed, round(0.6 * needed), least)
