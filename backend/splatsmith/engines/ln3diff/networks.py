"""LN3Diff's networks as they are held on the device between jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from ...conditioning.image_encoders import ClipImageEncoder, DinoEncoder
from ...conditioning.pretrained import EncoderFiles
from ...conditioning.prompt_encoders import ClipEncoder
from ...contract.cards import Checkpoint
from ...memory import check_memory
from ...nn import cuda_graphs
from ...nn.checkpoint_files import TensorFiles, tensor_files
from ...nn.checkpoint_loading import LoadOptions
from ...nn.offload import Offload
from ...weights import folder_of
from .checkpoint import load_decoder, load_denoiser, load_encoder
from .decoder import Decoder
from .denoiser import Conditioning, Denoiser, ImageDenoiser, TextDenoiser
from .encoder import Encoder
from .published_checkpoints import CLIP, DINO

PROMPT_TOKENS = 77

Network = TypeVar("Network", bound=nn.Module)
AnyDenoiser = TypeVar("AnyDenoiser", ImageDenoiser, TextDenoiser)
Evaluate = cuda_graphs.Denoiser[Conditioning]


class Networks:
    """Of one variant: the denoiser's blocks and the decoder in `dtype`, the encoders in float32.
    Each is loaded when it is first needed.

    Every method may raise WeightsMissing, WeightsDamaged or OutOfMemory.
    """

    def __init__(self, checkpoint: Checkpoint, dtype: torch.dtype, offload: Offload) -> None:
        self.dtype = dtype
        self.offload = offload
        # The name holds the training's step; of several the last counts.
        self._files = TensorFiles(tensor_files(checkpoint).files[-1:])
        self._cache: dict[str, nn.Module] = {}
        self._graphs: Evaluate | None = None
        if offload.load_device == "cpu":
            needed = dtype.itemsize * self._files.parameters
            check_memory(needed, "The networks", "Close other programs.")

    def image_denoiser(self) -> ImageDenoiser:
        return self._denoiser(ImageDenoiser)

    def text_denoiser(self) -> TextDenoiser:
        return self._denoiser(TextDenoiser)

    def evaluation(self, denoiser: Denoiser) -> Evaluate:
        """`denoiser.denoise`, as CUDA graphs where the network stays on the GPU."""
        if not self.offload.stays or self.offload.device == "cpu":
            return denoiser.denoise
        if self._graphs is None:
            self._graphs = cuda_graphs.GraphedDenoiser(denoiser.denoise)
        return self._graphs

    def decoder(self) -> Decoder:
        return self._cached("decoder", lambda: load_decoder(self._files, self._options))

    def view_encoder(self) -> Encoder:
        options = LoadOptions(self.offload.load_device, torch.float32)
        return self._cached("view encoder", lambda: load_encoder(self._files, options))

    def text_encoder(self) -> ClipEncoder:
        files = EncoderFiles(folder_of(CLIP))
        return self._cached(
            "text encoder",
            lambda: ClipEncoder(files, PROMPT_TOKENS, torch.float32, projected=False),
        )

    def clip_image_encoder(self) -> ClipImageEncoder:
        files = EncoderFiles(folder_of(CLIP))
        return self._cached("clip", lambda: ClipImageEncoder(files, torch.float32))

    def dino_encoder(self) -> DinoEncoder:
        files = EncoderFiles(folder_of(DINO))
        return self._cached("dino", lambda: DinoEncoder(files, torch.float32))

    @property
    def _options(self) -> LoadOptions:
        return LoadOptions(self.offload.load_device, self.dtype)

    def _denoiser(self, network: type[AnyDenoiser]) -> AnyDenoiser:
        return self._cached("denoiser", lambda: load_denoiser(self._files, network, self._options))

    def _cached(self, name: str, load: Callable[[], Network]) -> Network:
        if name not in self._cache:
            self._cache[name] = load().to(self.offload.load_device)
        return self._cache[name]  # pyright: ignore[reportReturnType]
