"""The networks of one variant, loaded when first wanted and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import nn

from ...conditioning.prompt_encoders import ClipEncoder, EncoderFiles, T5Encoder
from ...contract.cards import Checkpoint, ConditionKind
from ...nn.diffusers_config import Config
from ...weights import folder_of
from . import image_encoder
from .catalogue import ELEVATION
from .denoisers import (
    MultiViewControlNet,
    MultiViewDenoiser,
    MultiViewUNet,
    build_control_net,
    build_pixart,
    build_sd3,
    build_unet,
    trim_positions,
)
from .elevest import ElevEst, own_names
from .gsvae import GSVAE, LatentScale
from .inferred_configs import elevest_shape, embedding_channels, gsvae_config
from .offload import Residence
from .tensor_files import (
    Loading,
    Names,
    TensorFiles,
    config_file,
    load_network,
    read_config,
    tensor_files,
)
from .variants import Family, TextEncoderSpec
from .viewpoints import AZIMUTHS

VIEWS = len(AZIMUTHS)
SCHEDULER_FILE = "scheduler/scheduler_config.json"
DECODER_ONLY: Names = ("tiny_decoder.", "vae.encoder.", "vae.quant_conv.")

BUILDERS: dict[str, Callable[[Config, int], MultiViewDenoiser]] = {
    "unet": build_unet,
    "pixart": build_pixart,
    "sd3": build_sd3,
}
Network = TypeVar("Network", bound=nn.Module)
TextEncoder = ClipEncoder | T5Encoder


class Networks:
    """What is loaded of `family`; the denoisers and text encoders in `dtype`, the rest, whose
    rounding would be seen in the splats, in float32.

    Every method may raise WeightsMissing or WeightsDamaged.
    """

    def __init__(self, family: Family, dtype: torch.dtype, residence: Residence) -> None:
        self.dtype = dtype
        self.residence = residence
        self._family = family
        self._kept: dict[str, nn.Module] = {}

    def scheduler_config(self) -> Config:
        """The base model's."""
        folder = folder_of(self._family.text_encoders[0].checkpoint)
        return read_config(folder / SCHEDULER_FILE)

    def denoiser(self, has_picture: bool) -> MultiViewDenoiser:
        """From text alone, or with a picture as one more view. Only one of them is kept."""
        self._kept.pop(f"denoiser {not has_picture}", None)
        checkpoint = self._family.denoiser(has_picture)
        return self._keep(
            f"denoiser {has_picture}",
            lambda: load_denoiser(
                self._family.network, checkpoint, VIEWS + has_picture, self._loading(self.dtype)
            ),
        )

    def control_net(self, kind: ConditionKind, unet: MultiViewUNet) -> MultiViewControlNet:
        """Beside `unet`. Only one is kept."""
        for other in set(self._family.control_nets) - {kind}:
            self._kept.pop(other, None)
        checkpoint = self._family.control_nets[kind]
        return self._keep(
            kind, lambda: load_control_net(checkpoint, unet, self._loading(self.dtype))
        )

    def gsvae(self) -> GSVAE:
        """Its decoder."""
        scale = LatentScale(*self._family.scale)
        return self._keep(
            "gsvae",
            lambda: load_gsvae(tensor_files(self._family.gsvae), scale, self._loading()),
        )

    def picture_encoder(self) -> AutoencoderKL:
        checkpoint = self._family.picture_encoder
        return self._keep("pictures", lambda: load_picture_encoder(checkpoint, self._loading()))

    def elevest(self) -> ElevEst:
        return self._keep("elevest", lambda: load_elevest(tensor_files(ELEVATION), self._loading()))

    def text_encoders(self, t5: bool) -> Iterator[tuple[TextEncoderSpec, TextEncoder]]:
        """In the order in which the denoiser is told; T5 beside others only if wanted."""
        specs = self._family.text_encoders
        for spec in specs:
            if t5 or len(specs) == 1 or not spec.is_t5:
                yield spec, self._keep(spec.encoder, lambda spec=spec: self._text_encoder(spec))

    def _text_encoder(self, spec: TextEncoderSpec) -> TextEncoder:
        return load_text_encoder(spec, self.dtype).to(self.residence.home)

    def _keep(self, name: str, load: Callable[[], Network]) -> Network:
        if name not in self._kept:
            network = load()
            if self.residence.device.startswith("cuda"):
                # Convolutions are faster so; transformers have none to speak of.
                network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
            self._kept[name] = network
        return self._kept[name]  # pyright: ignore[reportReturnType]

    def _loading(self, dtype: torch.dtype = torch.float32) -> Loading:
        return Loading(self.residence.home, dtype)


def bytes_needed(checkpoint: Checkpoint, dtype: torch.dtype) -> int:
    """What the networks in the checkpoint take in `dtype`.

    Raises:
        WeightsMissing, WeightsDamaged: it is not here, or cannot be read.
    """
    return dtype.itemsize * tensor_files(checkpoint).parameters


def load_denoiser(
    network: str, checkpoint: Checkpoint, views: int, loading: Loading
) -> MultiViewDenoiser:
    """A "unet", "pixart" or "sd3" for so many views, the condition's among them."""
    config = read_config(config_file(checkpoint))
    with torch.device("meta"):
        denoiser = BUILDERS[network](config, views)
    load_network(denoiser.stock, tensor_files(checkpoint), loading)
    trim_positions(denoiser)
    return denoiser.eval()


def load_control_net(
    checkpoint: Checkpoint, unet: MultiViewUNet, loading: Loading
) -> MultiViewControlNet:
    files = tensor_files(checkpoint)
    with torch.device("meta"):
        control_net = build_control_net(unet, embedding_channels(files.sizes()))
    load_network(control_net.stock, files, loading)
    return control_net.eval()


def load_gsvae(files: TensorFiles, scale: LatentScale, loading: Loading) -> GSVAE:
    with torch.device("meta"):
        gsvae = GSVAE(gsvae_config(files.sizes()), scale)
        gsvae.vae.encoder, gsvae.vae.quant_conv = nn.Identity(), None  # pyright: ignore
    load_network(gsvae, files, loading, unused=DECODER_ONLY)
    return gsvae


def load_picture_encoder(checkpoint: Checkpoint, loading: Loading) -> AutoencoderKL:
    config = read_config(config_file(checkpoint))
    with torch.device("meta"):
        encoder = image_encoder.make_picture_encoder(config)
        encoder.decoder, encoder.post_quant_conv = nn.Identity(), None  # pyright: ignore
    load_network(
        encoder, tensor_files(checkpoint), loading, image_encoder.own_names, image_encoder.UNUSED
    )
    return encoder


def load_elevest(files: TensorFiles, loading: Loading) -> ElevEst:
    with torch.device("meta"):
        elevest = ElevEst(elevest_shape(files.sizes()))
    load_network(elevest, files, loading, own_names)
    return elevest


def load_text_encoder(spec: TextEncoderSpec, dtype: torch.dtype) -> TextEncoder:
    folder = folder_of(spec.checkpoint)
    files = EncoderFiles(folder, spec.encoder, spec.tokenizer, spec.variant)
    if spec.is_t5:
        return T5Encoder(files, spec.length, dtype, masked=spec.kind == "masked t5")
    return ClipEncoder(files, spec.length, dtype, projected=spec.kind == "projected clip")
