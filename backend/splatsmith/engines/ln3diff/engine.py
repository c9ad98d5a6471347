"""LN3Diff: a picture of an object, or text, to a density field."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
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

LATENT_SCALE = 0.96806  # of the autoencoder's latents to the denoisers'
CAMERA = ConditioningCamera(elevation=13.7, distance=1.772, fov=39.6)  # of the published orbit
SAMPLING_SHARE = 0.95  # of the progress; then comes decoding
ADAPTIVE_EVALUATIONS = 100  # of the adaptive solver, about
MAX_CPU_OPERATIONS = 35e12  # 25 of Euler's steps of the published network take 32e12
_PROGRESS_UNITS = 1000


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
        picture = inputs.pictures.get(ConditionKind.IMAGE)
        prepared = None if picture is None else prepare_picture(picture, settings)
        demand = self._demand(settings)
        offload = choose_offload(settings.memory, self._device, demand)
        with explain_out_of_memory(offload, demand):
            networks = self._loaded(settings, offload)
            part = progress.part(progress.stage, 0, SAMPLING_SHARE)
            sampled = self._sample_batch(inputs.prompt, prepared, settings, networks, part)
            index = max(settings.sample, 1) - 1
            triplane = _decode(sampled.latents[index : index + 1], networks)
        progress.step(1, 1)
        return Generation(
            DensityField(triplane_field(triplane, settings.level)),
            CAMERA,
            sampled.notes,
            prepared_picture=None if prepared is None else to_pixels(prepared),
        )

    def _sample_batch(
        self,
        prompt: str,
        picture: Tensor | None,
        settings: Settings,
        networks: Networks,
        progress: Progress,
    ) -> _Sampled:
        content = None if picture is None else picture.numpy().tobytes()
        request = (prompt, content, replace(settings, sample=0, level=0.0))
        if self._sampled is None or self._sampled.request != request:
            self._sampled = None
            if picture is None:
                latents, notes = _sample_text(prompt, settings, networks, progress)
            else:
                latents, notes = _sample_image(picture, settings, networks, progress), ()
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


def _sample_image(
    picture: Tensor, settings: Settings, networks: Networks, progress: Progress
) -> Tensor:
    """Latents by the flow from noise, with the picture's features as the condition."""
    denoiser = networks.image_denoiser()
    flow = Flow(FlowSolver(settings.solver), settings.steps)
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
        return sample_flow(
            lambda x, time: evaluate(x, time, inputs),
            _noise(denoiser, settings).to(networks.offload.device),
            flow,
            report,
        )


def _sample_text(
    prompt: str, settings: Settings, networks: Networks, progress: Progress
) -> tuple[Tensor, tuple[str, ...]]:
    """Latents by Euler's method from noise, with the prompt's tokens as the condition."""
    denoiser = networks.text_denoiser()
    schedule = SigmaSchedule.spaced(settings.steps)
    _check_cpu_work(denoiser, settings, settings.steps, networks)
    progress.step(0, settings.steps)
    features = encode_prompt(prompt, networks)
    with networks.offload.on_device(denoiser):
        inputs = text_conditioning(denoiser, features.tokens, settings.guidance)
        evaluate = networks.evaluation(denoiser)
        latents = sample_diffusion(
            lambda x, time: evaluate(x, time, inputs),
            _noise(denoiser, settings).to(networks.offload.device),
            schedule,
            lambda done: progress.step(done, settings.steps),
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
