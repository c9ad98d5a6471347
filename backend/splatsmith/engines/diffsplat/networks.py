"""The networks of one variant, loaded on first use and cached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import nn

from ...conditioning.pretrained import EncoderFiles
from ...conditioning.prompt_encoders import ClipEncoder, T5Encoder
from ...contract.cards import Checkpoint, ConditionKind
from ...nn.checkpoint_files import read_config, tensor_files
from ...nn.checkpoint_loading import LoadOptions
from ...nn.diffusers_config import Config
from ...nn.offload import Offload
from ...weights import folder_of
from . import checkpoint
from .base_models import BaseModel, TextEncoderSpec
from .card import AZIMUTHS
from .denoisers import MultiViewControlNet, MultiViewDenoiser, MultiViewUNet
from .elevest import ElevEst
from .gsvae import GSVAE, LatentScale
from .published_checkpoints import ELEVEST

VIEWS = len(AZIMUTHS)
SCHEDULER_FILE = "scheduler/scheduler_config.json"

Network = TypeVar("Network", bound=nn.Module)
TextEncoder = ClipEncoder | T5Encoder


class Networks:
    """The networks of `base_model`: denoisers and text encoders in `dtype`, the others, whose
    rounding errors would be visible, in float32.

    Every method may raise WeightsMissing or WeightsDamaged.
    """

    def __init__(self, base_model: BaseModel, dtype: torch.dtype, offload: Offload) -> None:
        self.dtype = dtype
        self.offload = offload
        self._base_model = base_model
        self._cache: dict[str, nn.Module] = {}

    def scheduler_config(self) -> Config:
        """The base model's."""
        folder = folder_of(self._base_model.text_encoders[0].checkpoint)
        return read_config(folder / SCHEDULER_FILE)

    def denoiser(self, has_picture: bool) -> MultiViewDenoiser:
        """For text alone, or with a picture as one more view. Only one of them is cached."""
        self._cache.pop(f"denoiser {not has_picture}", None)
        model, options = self._base_model, self._options(self.dtype)
        return self._cached(
            f"denoiser {has_picture}",
            lambda: checkpoint.load_denoiser(
                model.network, model.denoiser(has_picture), VIEWS + has_picture, options
            ),
        )

    def control_net(self, kind: ConditionKind, unet: MultiViewUNet) -> MultiViewControlNet:
        """For `unet`. Only one is cached."""
        for other in set(self._base_model.control_nets) - {kind}:
            self._cache.pop(other, None)
        published, options = self._base_model.control_nets[kind], self._options(self.dtype)
        return self._cached(kind, lambda: checkpoint.load_control_net(published, unet, options))

    def gsvae(self) -> GSVAE:
        """Without its encoder."""
        scale = LatentScale(*self._base_model.latent_scale)
        files = self._base_model.gsvae
        return self._cached(
            "gsvae", lambda: checkpoint.load_gsvae(tensor_files(files), scale, self._options())
        )

    def image_encoder(self) -> AutoencoderKL:
        """The base model's image VAE, without its decoder."""
        published = self._base_model.image_encoder
        return self._cached(
            "image encoder", lambda: checkpoint.load_image_encoder(published, self._options())
        )

    def elevest(self) -> ElevEst:
        return self._cached(
            "elevest", lambda: checkpoint.load_elevest(tensor_files(ELEVEST), self._options())
        )

    def text_encoders(self, t5: bool) -> Iterator[tuple[TextEncoderSpec, TextEncoder]]:
        """In the order of the denoiser's tokens; T5 beside others only on request."""
        specs = self._base_model.text_encoders
        for spec in specs:
            if t5 or len(specs) == 1 or not spec.is_t5:
                yield spec, self._cached(spec.encoder, lambda spec=spec: self._text_encoder(spec))

    def _text_encoder(self, spec: TextEncoderSpec) -> TextEncoder:
        return _load_text_encoder(spec, self.dtype).to(self.offload.load_device)

    def _cached(self, name: str, load: Callable[[], Network]) -> Network:
        if name not in self._cache:
            network = load()
            if self.offload.device.startswith("cuda"):
                # Faster for convolutions; transformers are hardly affected.
                network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
            self._cache[name] = network
        return self._cache[name]  # pyright: ignore[reportReturnType]

    def _options(self, dtype: torch.dtype = torch.float32) -> LoadOptions:
        return LoadOptions(self.offload.load_device, dtype)


def memory_bytes_of(published: Checkpoint, dtype: torch.dtype) -> int:
    """Of a checkpoint's networks in `dtype`.

    Raises:
        WeightsMissing, WeightsDamaged: it is not here, or cannot be read.
    """
    return dtype.itemsize * tensor_files(published).parameters


def _load_text_encoder(spec: TextEncoderSpec, dtype: torch.dtype) -> TextEncoder:
    folder = folder_of(spec.checkpoint)
    files = EncoderFiles(folder, spec.encoder, spec.tokenizer, spec.variant)
    if spec.is_t5:
        return T5Encoder(files, spec.length, dtype, masked=spec.kind == "masked t5")
    return ClipEncoder(files, spec.length, dtype, projected=spec.kind == "projected clip")
