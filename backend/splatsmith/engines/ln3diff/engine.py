"""LN3Diff: a picture of an object, or text, to a density field."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...contract.cards import ConditionKind, Variant
from ...contract.problems import InvalidRequest
from ...nn.offload import MemoryDemand, Offload, choose_offload, explain_out_of_memory
from ...nn.precision import choose_precision
from ...progress import Progress
from ...representations.density_field import DensityField
from ...weights import require
from ..base import ConditioningCamera, EngineInputs, Generation
from .card import CARD, MODELS, Model, Settings
from .conditions import (
    encode_picture,
    encode_prompt,
    image_conditioning,
    prepare_picture,
    text_conditioning,
)
from .decoder import LATENT_CHANNELS
from .denoiser import Denoiser
from .networks import Networks
from .pictures import to_pixels
from .sampling import Flow, FlowSolver, SigmaSchedule, sample_diffusion, sample_flow
from .triplane import Triplane
from .triplane_field import triplane_field
from .view_sheet import front_view, read_views

LATENT_SCALE = 0.96806  # of the autoencoder's latents to the denoisers'
CAMERA = ConditioningCamera(elevation=13.7, distance=1.772, fov=39.6)  # of the published orbit
SAMPLING_SHARE = 0.95  # of the progress; then comes decoding
ADAPTIVE_EVALUATIONS = 100  # of the adaptive solver, about
MAX_CPU_OPERATIONS = 35e12  # 25 of Euler's steps of the published network take 32e12
ENCODER_REDUCTION = 8  # of a view's side to the latent's
_PROGRESS_UNITS = 1000


@dataclass(frozen=True)
class _Given:
    """A request's conditions.

    picture: as the image encoders take it.
    sheet: of the object to vary, see `view_sheet`.
    """

    prompt: str
    picture: Tensor | None
    sheet: NDArray[np.uint8] | None

    @classmethod
    def of(cls, inputs: EngineInputs, settings: Settings, *, takes_picture: bool) -> _Given:
        sheet = inputs.pictures.get(ConditionKind.VIEWS)
        picture = inputs.pictures.get(ConditionKind.IMAGE)
        front = None if sheet is None else front_view(sheet)
        if takes_picture and picture is None:
            picture = front
        prepared = None if picture is None else prepare_picture(picture, settings)
        return cls(inputs.prompt, prepared, sheet)

    @property
    def content(self) -> tuple[object, ...]:
        """Comparable."""
        picture = None if self.picture is None else self.picture.numpy().tobytes()
        return self.prompt, picture, None if self.sheet is None else self.sheet.tobytes()


@dataclass(frozen=True)
class _Sampled:
    """All latents [N, 12, S, S] that a request's batch has, and the remarks on them."""

    request: object
    latents: Tensor
    notes: tuple[str, ...] = ()


class LN3Diff:
    """One variant. Its networks are loaded when a job first needs them.

    The last batch's latents are kept: a job for another of its samples need not sample again.
    """

    def __init__(self, variant: Variant, model: Model, device: str) -> None:
        self._variant = variant
        self._model = model
        self._device = device
        self._networks: Networks | None = None
        self._sampled: _Sampled | None = None

    @torch.inference_mode()
    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        """Sample a batch of latents, decode the wanted one to a triplane.

        Raises:
            InvalidRequest, UnreadablePicture: the inputs are incompatible or unusable.
            WeightsMissing, WeightsDamaged, OutOfMemory: what the names say.
        """
        settings = Settings.of(inputs.parameters)
        if settings.sample > settings.samples:
            raise InvalidRequest(
                f"There is no sample {settings.sample}.", f"Samples is {settings.samples}."
            )
        require(self._variant.required_checkpoints(frozenset(inputs.pictures), inputs.parameters))
        takes_picture = ConditionKind.IMAGE in self._variant.conditions
        given = _Given.of(inputs, settings, takes_picture=takes_picture)
        demand = self._demand(settings)
        offload = choose_offload(settings.memory, self._device, demand)
        with explain_out_of_memory(offload, demand):
            networks = self._loaded(settings, offload)
            part = progress.part(progress.stage, 0, SAMPLING_SHARE)
            sampled = self._sample_batch(given, settings, networks, part)
            index = max(settings.sample, 1) - 1
            triplane = _decode(sampled.latents[index : index + 1], networks)
        progress.step(1, 1)
        return Generation(
            DensityField(triplane_field(triplane, settings.level)),
            CAMERA,
            sampled.notes,
            prepared_picture=None if given.picture is None else to_pixels(given.picture),
        )

    def _sample_batch(
        self,
        given: _Given,
        settings: Settings,
        networks: Networks,
        progress: Progress,
    ) -> _Sampled:
        request = (given.content, replace(settings, sample=0, level=0.0))
        if self._sampled is None or self._sampled.request != request:
            self._sampled = None
            latents, notes = _sample(given, settings, networks, progress)
            self._sampled = _Sampled(request, latents, notes)
        return self._sampled

    def _loaded(self, settings: Settings, offload: Offload) -> Networks:
        dtype = choose_precision(settings.precision, self._device)
        networks = self._networks
        if networks is None or (networks.dtype, networks.offload) != (dtype, offload):
            self._networks = None
            self._networks = networks = Networks(self._model.checkpoint, dtype, offload)
        return networks

    def _demand(self, settings: Settings) -> MemoryDemand:
        dtype = choose_precision(settings.precision, self._device)
        key = "float32" if dtype is torch.float32 else "float16"
        fast, small = (each.memory_bytes[key] for each in (self._model, self._variant))
        least = {each.id: min(each.memory_bytes.values()) for each in CARD.variants}
        return MemoryDemand(fast, small, least)


def _sample(
    given: _Given, settings: Settings, networks: Networks, progress: Progress
) -> tuple[Tensor, tuple[str, ...]]:
    """Latents [N, 12, S, S] of the denoiser's scale, and remarks."""
    object_latent = None
    if given.sheet is not None:
        text_only = given.picture is None
        denoiser = networks.text_denoiser() if text_only else networks.image_denoiser()
        object_latent = _encode(given.sheet, denoiser.config.latent_size, networks)
    if object_latent is not None and settings.strength == 0:
        return object_latent.repeat(settings.samples, 1, 1, 1), ()
    if given.picture is None:
        return _sample_text(given.prompt, object_latent, settings, networks, progress)
    return _sample_image(given.picture, object_latent, settings, networks, progress), ()


def _encode(sheet: NDArray[np.uint8], latent_size: int, networks: Networks) -> Tensor:
    """The latent [1, 12, S, S] of the object in a sheet, of the denoiser's scale."""
    views = read_views(sheet, ENCODER_REDUCTION * latent_size)
    encoder = networks.view_encoder()
    with networks.offload.on_device(encoder):
        return encoder(views[None].to(networks.offload.device)) / LATENT_SCALE


def _sample_image(
    picture: Tensor,
    object_latent: Tensor | None,
    settings: Settings,
    networks: Networks,
    progress: Progress,
) -> Tensor:
    """Latents by the flow from noise, or the noisy latent of an object, with the picture's features
    as the condition.
    """
    denoiser = networks.image_denoiser()
    start = 0.0 if object_latent is None else 1 - settings.strength
    flow = Flow(FlowSolver(settings.solver), settings.steps, start)
    evaluations = flow.fixed_steps * flow.solver.evaluations
    _check_cpu_work(
        denoiser,
        settings,
        ADAPTIVE_EVALUATIONS if flow.solver.is_adaptive else evaluations,
        networks,
    )
    progress.step(0, _PROGRESS_UNITS)
    features = encode_picture(picture, networks)

    def report(share: float) -> None:
        progress.step(round(_PROGRESS_UNITS * share), _PROGRESS_UNITS)

    with networks.offload.on_device(denoiser):
        inputs = image_conditioning(denoiser, features, settings.guidance)
        evaluate = networks.evaluation(denoiser)
        x = _noise(denoiser, settings).to(networks.offload.device)
        if object_latent is not None:
            x = start * object_latent + (1 - start) * x
        return sample_flow(
            lambda x, time: evaluate(x, time, inputs),
            x,
            flow,
            report,
        )


def _sample_text(
    prompt: str,
    object_latent: Tensor | None,
    settings: Settings,
    networks: Networks,
    progress: Progress,
) -> tuple[Tensor, tuple[str, ...]]:
    """Latents by Euler's method from noise, or the noisy latent of an object, with the prompt's
    tokens as the condition.
    """
    denoiser = networks.text_denoiser()
    strength = 1.0 if object_latent is None else settings.strength
    schedule = SigmaSchedule.spaced(settings.steps, strength)
    steps = len(schedule.times)
    _check_cpu_work(denoiser, settings, steps, networks)
    progress.step(0, steps)
    features = encode_prompt(prompt, networks)
    with networks.offload.on_device(denoiser):
        inputs = text_conditioning(denoiser, features.tokens, settings.guidance)
        evaluate = networks.evaluation(denoiser)
        latents = sample_diffusion(
            lambda x, time: evaluate(x, time, inputs),
            _noise(denoiser, settings).to(networks.offload.device),
            schedule,
            lambda done: progress.step(done, steps),
            object_latent,
        )
    return latents, features.notes


def _noise(denoiser: Denoiser, settings: Settings) -> Tensor:
    """[N, 12, S, S], drawn on the CPU, so that a seed gives the same on every device."""
    size = denoiser.config.latent_size
    generator = torch.Generator().manual_seed(settings.seed)
    return torch.randn(settings.samples, LATENT_CHANNELS, size, size, generator=generator)


def _decode(latent: Tensor, networks: Networks) -> Triplane:
    """A latent [1, 12, S, S] of the denoiser's scale."""
    decoder = networks.decoder()
    with networks.offload.on_device(decoder):
        planes = decoder(LATENT_SCALE * latent)[0]
        mlp = copy.deepcopy(decoder.point_mlp)  # which stays on the device
    return Triplane(planes, mlp)


def _check_cpu_work(
    denoiser: Denoiser, settings: Settings, evaluations: int, networks: Networks
) -> None:
    if networks.offload.device != "cpu":
        return
    batch = settings.samples * (1 if settings.guidance == 1 else 2)
    operations = evaluations * batch * denoiser.operations()
    if operations > MAX_CPU_OPERATIONS:
        raise InvalidRequest(
            f"About {evaluations} evaluations of the network are {operations / 1e12:,.0f} trillion "
            "operations, which keep a CPU busy for a long time.",
            "Use a GPU, or fewer steps; with a picture, the solver euler.",
        )


def load(variant: str, device: str) -> LN3Diff:
    """The engine's variant on `device`."""
    return LN3Diff(CARD.variant(variant), MODELS[variant], device)
