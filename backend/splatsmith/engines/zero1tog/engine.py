"""Zero-1-to-G: a picture to splatter images of six views, and those to Gaussians."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...contract.cards import ConditionKind, Variant
from ...contract.problems import InvalidRequest
from ...gaussians.gaussian_batch import to_cloud
from ...nn.checkpoint_files import tensor_files
from ...nn.offload import MemoryDemand, Offload, choose_offload, explain_out_of_memory
from ...nn.precision import choose_precision
from ...progress import Progress
from ...representations.gaussians import GaussianSplats
from ...weights import require
from ..base import ConditioningCamera, EngineInputs, Generation
from .card import CARD, DISTANCE, FOV, MODELS, OLDER, Model, Settings
from .conditions import PictureCondition, encode_picture, prepare_picture
from .decoders import (
    NO_SCALINGS,
    PIXELS_PER_LATENT,
    ZERO123PLUS,
    ImageDecoder,
    Scalings,
    VideoDecoder,
    decode_latents,
)
from .denoiser import DenoiserInputs
from .joint_unet import PARTS, JointAttention, JointConfig
from .networks import Networks
from .sampling import Diffusion, DrawNoise, EulerAncestral, sample
from .splatter_images import COLUMNS, FIVE, FOUR, ROWS, Attribute, ValueRanges, decode_mosaics

LATENT_CHANNELS = 4
CAMERA = ConditioningCamera(0.0, DISTANCE, FOV)
OLDER_RANGES = ValueRanges(rotation=(-3.0, 3.0), opacity=None)


@dataclass(frozen=True)
class _Task:
    """What to sample, and how it was encoded when the weights were trained.

    view_size: pixels.
    """

    settings: Settings
    joint: JointConfig
    view_size: int

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return FIVE if self.joint.attributes == len(FIVE) else FOUR

    @property
    def scalings(self) -> Scalings:
        return ZERO123PLUS if self.settings.encoding == OLDER else NO_SCALINGS

    @property
    def ranges(self) -> ValueRanges:
        return OLDER_RANGES if self.settings.encoding == OLDER else ValueRanges()

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        side = self.view_size // PIXELS_PER_LATENT
        return self.joint.attributes, LATENT_CHANNELS, ROWS * side, COLUMNS * side


class Zero1toG:
    """One variant. Its networks are loaded when a job first needs them."""

    def __init__(self, variant: Variant, model: Model, device: str) -> None:
        self._variant = variant
        self._model = model
        self._device = device
        self._networks: Networks | None = None

    @torch.inference_mode()
    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        """Encode the picture, sample the attributes' mosaics together, decode them to Gaussians.

        Raises:
            InvalidRequest, UnreadablePicture: the inputs are incompatible or unusable.
            WeightsMissing, WeightsDamaged, OutOfMemory: what the names say.
        """
        settings = Settings.of(inputs.parameters)
        require(self._variant.required_checkpoints(frozenset(inputs.pictures), inputs.parameters))
        demand = self._demand(settings)
        networks = self._loaded(settings, choose_offload(settings.memory, self._device, demand))
        task = self._task(settings, networks)
        picture = prepare_picture(inputs.pictures[ConditionKind.IMAGE], settings.foreground_ratio)
        with explain_out_of_memory(networks.offload, demand):
            latents = self._sample(picture, task, networks, progress)
            decoder = networks.decoder(settings.decoder)
            with networks.offload.on_device(decoder):
                mosaics = decode_latents(decoder, latents, task.scalings)
        maps = decode_mosaics(_by_attribute(mosaics, task), task.ranges)
        cloud = to_cloud(maps.gaussians, settings.opacity_threshold)
        if not len(cloud):
            raise InvalidRequest(
                "No Gaussian of the result is opaque enough.",
                "Try another seed, or lower Opacity Threshold.",
            )
        progress.step(1, 1)
        return Generation(GaussianSplats(cloud), CAMERA, prepared_picture=picture)

    def _sample(
        self, picture: NDArray[np.uint8], task: _Task, networks: Networks, progress: Progress
    ) -> Tensor:
        """Latents of all attributes' mosaics, [A, 4, h, w]."""
        settings = task.settings
        total = settings.steps + 2
        progress.step(0, total)
        draw_noise = _noise_source(settings.seed, self._device)
        condition = encode_picture(picture, networks, draw_noise)
        progress.step(1, total)
        denoiser = networks.denoiser(task.joint)
        diffusion = Diffusion.of(networks.base_config("scheduler/scheduler_config.json"))
        solver = EulerAncestral(diffusion, settings.steps)
        given = _denoiser_inputs(condition, task, networks.dtype)
        decoder = networks.decoder(settings.decoder) if networks.offload.stays else None

        def on_step(done: int, clean: Tensor) -> None:
            draw = None if decoder is None else _color_mosaic(clean, task, decoder)
            progress.step(1 + done, total, draw)

        with networks.offload.on_device(denoiser.network):
            return sample(denoiser.evaluate, given, solver, draw_noise, task.latent_shape, on_step)

    def _task(self, settings: Settings, networks: Networks) -> _Task:
        traits = networks.traits()
        asked = int(settings.attributes)
        traits.check_attributes(asked, networks.trained.title)
        attention = JointAttention(settings.joint_attention)
        joint = JointConfig(asked, attention, traits.concatenated)
        task = _Task(settings, joint, traits.view_size or self._model.view_size)
        deepest = networks.reduction() * PIXELS_PER_LATENT
        positions = (ROWS * task.view_size // deepest) * (COLUMNS * task.view_size // deepest)
        if attention is JointAttention.PARTS and positions % PARTS:
            raise InvalidRequest(
                f"Joint attention in parts cannot divide {positions} positions by {PARTS}, which "
                f"views of {task.view_size} pixels have.",
                "Set joint attention to all, or take a variant of 128 pixels.",
            )
        return task

    def _loaded(self, settings: Settings, offload: Offload) -> Networks:
        dtype = choose_precision(settings.precision, self._device)
        files = tensor_files(self._model.trained[settings.attributes])
        wanted = files, dtype, offload
        networks = self._networks
        if networks is None or (networks.trained, networks.dtype, networks.offload) != wanted:
            self._networks = None
            self._networks = networks = Networks(*wanted)
        return networks

    def _demand(self, settings: Settings) -> MemoryDemand:
        key = str(choose_precision(settings.precision, self._device)).removeprefix("torch.")
        fast, small = (each.memory_bytes[key] for each in (self._model, self._variant))
        least = {each.id: min(each.memory_bytes.values()) for each in CARD.variants}
        return MemoryDemand(fast, small, least)


def _denoiser_inputs(
    condition: PictureCondition, task: _Task, dtype: torch.dtype
) -> DenoiserInputs:
    """Without guidance the conditional half alone."""
    is_guided = task.settings.guidance > 1
    text, reference = condition.text.to(dtype), condition.reference
    if not is_guided:
        text, reference = text[1:], reference[1:]
    scale, rescale = (
        torch.tensor(value, device=text.device) if is_guided else None
        for value in (task.settings.guidance, task.settings.rescale)
    )
    return DenoiserInputs(
        text, reference.repeat_interleave(task.joint.attributes, 0), scale, rescale
    )


def _noise_source(seed: int, device: str) -> DrawNoise:
    """Unit noise, drawn on the CPU, so that a seed gives the same on every device."""
    generator = torch.Generator().manual_seed(seed)

    def draw(shape: tuple[int, ...]) -> Tensor:
        noise = torch.randn(shape, generator=generator, pin_memory=device != "cpu")
        return noise.to(device, non_blocking=True)

    return draw


def _by_attribute(mosaics: Tensor, task: _Task) -> dict[Attribute, Tensor]:
    return dict(zip(task.attributes, mosaics.split(1), strict=True))


def _color_mosaic(
    clean: Tensor, task: _Task, decoder: ImageDecoder | VideoDecoder
) -> Callable[[], NDArray[np.uint8]]:
    """Draws the mosaic of colors [3 S, 2 S, 3] of an estimate of the latents."""
    index = task.attributes.index(Attribute.COLOR)

    def draw() -> NDArray[np.uint8]:
        mosaic = decode_latents(decoder, clean[index : index + 1], task.scalings)[0]
        pixels = ((mosaic + 1) * 127.5).round().byte()
        return pixels.permute(1, 2, 0).cpu().numpy()

    return draw


def load(variant: str, device: str) -> Zero1toG:
    """The engine's variant on `device`."""
    return Zero1toG(CARD.variant(variant), MODELS[variant], device)
