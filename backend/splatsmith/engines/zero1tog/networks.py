"""The networks of one variant, loaded on first use and cached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import nn

from ...conditioning.image_encoders import ClipImageEncoder
from ...conditioning.pretrained import EncoderFiles
from ...conditioning.prompt_encoders import ClipEncoder
from ...nn.checkpoint_files import TensorFiles, read_config, tensor_files
from ...nn.checkpoint_loading import LoadOptions
from ...nn.cuda_graphs import Denoiser, GraphedDenoiser
from ...nn.diffusers_config import Config
from ...nn.offload import Offload
from ...weights import files_of, folder_of
from . import checkpoint
from .card import IMAGE, VIDEO
from .checkpoint import DecoderKind, Traits
from .decoders import ImageDecoder, VideoDecoder
from .denoiser import DenoiserInputs, GuidedDenoiser
from .joint_unet import JointConfig
from .published_checkpoints import VIDEO_DECODER, ZERO123PLUS

TEXT_TOKENS = 77
VAE_WEIGHTS = "vae/diffusion_pytorch_model.safetensors"

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class LoadedDenoiser:
    """evaluate: `network`, as CUDA graphs where it stays on the GPU."""

    network: GuidedDenoiser
    evaluate: Denoiser[DenoiserInputs]


class Networks:
    """The user's U-Net and the encoders in `dtype`; autoencoders, whose rounding errors would be
    visible, in float32.

    Every method may raise WeightsMissing or WeightsDamaged.
    """

    def __init__(self, trained: TensorFiles, dtype: torch.dtype, offload: Offload) -> None:
        self.trained = trained
        self.dtype = dtype
        self.offload = offload
        self._cache: dict[str, nn.Module] = {}
        self._denoiser: tuple[JointConfig, LoadedDenoiser] | None = None

    def traits(self) -> Traits:
        return checkpoint.read_traits(self.trained)

    def reduction(self) -> int:
        """How much smaller the U-Net's deepest level is than the latents, along a side."""
        return checkpoint.unet_reduction(self.trained)

    def base_config(self, path: str) -> Config:
        """A JSON file of the base model."""
        return read_config(self._base / path)

    def denoiser(self, joint: JointConfig) -> LoadedDenoiser:
        if self._denoiser is None or self._denoiser[0] != joint:
            self._denoiser = None
            unet = checkpoint.load_unet(self.trained, joint, self._options(self.dtype))
            network = self._placed(GuidedDenoiser(unet).to(self.offload.load_device))
            graphs = self.offload.stays and self.offload.device.startswith("cuda")
            evaluate = GraphedDenoiser(network) if graphs else network
            self._denoiser = joint, LoadedDenoiser(network, evaluate)
        return self._denoiser[1]

    def encoder(self) -> AutoencoderKL:
        """The base model's image autoencoder, without its decoder."""
        config = self.base_config("vae/config.json")
        return self._cached(
            "encoder",
            lambda: checkpoint.load_encoder(_vae_files(), config, self._options(torch.float32)),
        )

    def decoder(self, choice: str) -> ImageDecoder | VideoDecoder:
        """By the card's parameter. Only one is cached."""
        source, kind = _vae_files(), DecoderKind.IMAGE
        own = self.traits().decoder
        if choice == VIDEO:
            source, kind = tensor_files(VIDEO_DECODER), DecoderKind.VIDEO
        elif choice != IMAGE and own is not None:
            source, kind = self.trained, own
        for other in [name for name in self._cache if name.startswith("decoder")]:
            if other != f"decoder {source.title}":
                del self._cache[other]
        return self._cached(
            f"decoder {source.title}",
            lambda: checkpoint.load_decoder(
                kind, source, _vae_files(), self._options(torch.float32)
            ),
        )

    def text_encoder(self) -> ClipEncoder:
        files = EncoderFiles(self._base, "text_encoder", "tokenizer")
        return self._cached("text", lambda: ClipEncoder(files, TEXT_TOKENS, self.dtype, False))

    def vision_encoder(self) -> ClipImageEncoder:
        files = EncoderFiles(self._base, "vision_encoder")
        return self._cached("vision", lambda: ClipImageEncoder(files, self.dtype))

    @property
    def _base(self) -> Path:
        return folder_of(ZERO123PLUS)

    def _cached(self, name: str, load: Callable[[], Network]) -> Network:
        if name not in self._cache:
            self._cache[name] = self._placed(load().to(self.offload.load_device))
        return self._cache[name]  # pyright: ignore[reportReturnType]

    def _placed(self, network: Network) -> Network:
        if self.offload.device.startswith("cuda"):  # faster for convolutions
            network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        return network

    def _options(self, dtype: torch.dtype) -> LoadOptions:
        return LoadOptions(self.offload.load_device, dtype)


def _vae_files() -> TensorFiles:
    return TensorFiles(tuple(files_of(ZERO123PLUS, VAE_WEIGHTS)))
