"""DiffSplat: text, a picture or a control map to Gaussians, by way of the latents of four views."""

from __future__ import annotations

import torch
from torch import Tensor

from ...contract.cards import ConditionKind
from ...contract.cloud import GaussianCloud
from ...diffusion.schedulers import Solver, make_solver
from ...gaussians.gaussian_batch import to_cloud
from ...memory import check_memory
from ...nn.cuda_graphs import Denoiser, GraphedDenoiser
from ...nn.offload import MemoryDemand, choose_offload, explain_out_of_memory
from ...nn.precision import choose_precision
from ...progress import Progress
from ...representations.gaussians import GaussianSplats
from ...weights import require
from ..base import ConditioningCamera, EngineInputs, Generation
from .base_models import BASE_MODELS, BaseModel
from .cameras import camera_to_world, intrinsics
from .card import CARD, DISTANCE, FOV, Settings
from .denoisers import MultiViewUNet
from .gsvae import to_gaussians
from .image_conditions import (
    build_denoiser_inputs,
    initial_latents,
    map_kind,
    prepare_image_condition,
)
from .networks import VIEWS, Networks, memory_bytes_of
from .sampling import DenoiserInputs, GuidedDenoiser, noise_draws, sample
from .text_conditions import TextCondition, encode_prompts


class DiffSplat:
    """One variant. Its networks are loaded when a job first needs them."""

    def __init__(self, base_model: BaseModel, device: str) -> None:
        self._base_model = base_model
        self._device = device
        self._networks: Networks | None = None
        self._guided: tuple[GuidedDenoiser, Denoiser[DenoiserInputs]] | None = None
        self._text: TextCondition | None = None

    @torch.inference_mode()
    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        """Encode the prompt and the picture, sample the views' latents, decode them.

        Raises:
            InvalidRequest, UnreadablePicture: the inputs are incompatible or unusable.
            WeightsMissing, WeightsDamaged, OutOfMemory: what the names say.
        """
        settings = Settings(**inputs.parameters)  # pyright: ignore[reportArgumentType]
        demand = self._memory_demand(inputs, settings)
        networks = self._networks_for(settings, demand)
        with explain_out_of_memory(networks.offload, demand):
            return self._generate(inputs, settings, networks, progress)

    def _generate(
        self, inputs: EngineInputs, settings: Settings, networks: Networks, progress: Progress
    ) -> Generation:
        has_picture = ConditionKind.IMAGE in inputs.pictures
        solver = self._solver(settings, networks, has_picture)
        total = len(solver.timesteps) + 2
        progress.step(0, total)
        is_guided = settings.guidance_of(has_picture) > 1
        text = self._encode_text(inputs.prompt, settings, networks, is_guided)
        progress.step(1, total)
        guided, denoiser = self._guided_denoiser(inputs, networks)
        size = guided.denoiser.latent_size
        image = prepare_image_condition(inputs, settings, networks, size)
        conditioning = build_denoiser_inputs(text.embeddings, image, settings, size)
        noise, start = self._start(settings, solver, networks, size)

        def on_step(done: int) -> None:
            progress.step(1 + done, total)

        with networks.offload.on_device(guided):
            latents = sample(denoiser, conditioning, solver, noise, on_step, start)
        cloud = self._decode(latents, image.elevation, settings.opacity_threshold, networks)
        progress.step(total, total)
        camera = ConditioningCamera(image.elevation, DISTANCE, FOV)
        return Generation(GaussianSplats(cloud), camera, notes=text.notes)

    def _memory_demand(self, inputs: EngineInputs, settings: Settings) -> MemoryDemand:
        """Of the networks that the request needs, all of which must be on this machine."""
        given = frozenset({*inputs.pictures, ConditionKind.TEXT})
        variant = CARD.variant(self._base_model.id)
        checkpoints = variant.required_checkpoints(given, inputs.parameters)
        require(checkpoints)
        dtype = choose_precision(settings.precision, self._device)
        sizes = [memory_bytes_of(each, dtype) for each in checkpoints]
        measured = variant.memory_bytes.get(str(dtype).removeprefix("torch."), 0)
        least = {each.id: min(each.memory_bytes.values()) for each in CARD.variants}
        return MemoryDemand(sum(sizes), max(measured, *sizes), least)

    def _networks_for(self, settings: Settings, demand: MemoryDemand) -> Networks:
        """Those of the last job, unless precision or offload differ."""
        dtype = choose_precision(settings.precision, self._device)
        offload = choose_offload(settings.memory, self._device, demand)
        networks = self._networks
        if networks is None or (networks.dtype, networks.offload) != (dtype, offload):
            self._networks = self._guided = self._text = None
            if offload.load_device == "cpu":
                remedy = "Use bfloat16, or a smaller variant."
                check_memory(demand.resident, "The networks", remedy)
            self._networks = networks = Networks(self._base_model, dtype, offload)
        return networks

    def _encode_text(
        self, prompt: str, settings: Settings, networks: Networks, is_guided: bool
    ) -> TextCondition:
        """The last result is cached: a batch may use one prompt with many seeds."""
        prompts = (settings.negative_prompt, prompt) if is_guided else (prompt,)
        cached = self._text
        if cached is None or (cached.prompts, cached.t5) != (prompts, settings.t5):
            cached = encode_prompts(prompts, settings.t5, self._base_model, networks)
            self._text = cached
        return cached

    def _guided_denoiser(
        self, inputs: EngineInputs, networks: Networks
    ) -> tuple[GuidedDenoiser, Denoiser[DenoiserInputs]]:
        """The guided denoiser, and the same as CUDA graphs where it stays on the GPU."""
        denoiser = networks.denoiser(ConditionKind.IMAGE in inputs.pictures)
        kind, control_net = map_kind(inputs), None
        if kind and isinstance(denoiser, MultiViewUNet):
            control_net = networks.control_net(kind, denoiser)
        cached = self._guided
        if cached is None or (cached[0].denoiser, cached[0].control_net) != (denoiser, control_net):
            guided = GuidedDenoiser(denoiser, control_net)
            uses_graphs = networks.offload.stays and self._device != "cpu"
            self._guided = cached = guided, GraphedDenoiser(guided) if uses_graphs else guided
        return cached

    def _solver(self, settings: Settings, networks: Networks, has_picture: bool) -> Solver:
        prediction_type = self._base_model.prediction_types[has_picture]
        return make_solver(
            settings.scheduler,
            networks.scheduler_config(),
            prediction_type,
            settings.steps,
            settings.eta,
            settings.blob_strength if settings.blob else 1.0,
        )

    def _start(
        self, settings: Settings, solver: Solver, networks: Networks, size: int
    ) -> tuple[Tensor, Tensor | None]:
        """Noise and clean latents for `sample`; drawn on the CPU, so that a seed gives the same on
        every device.
        """
        shape = (VIEWS, networks.gsvae().latent_channels, size, size)
        generator = torch.Generator().manual_seed(settings.seed)
        noise = torch.randn(noise_draws(solver), *shape, generator=generator)
        start_noise = torch.randn(shape, generator=generator)
        start = initial_latents(settings, networks, size, start_noise.to(self._device))
        return noise.to(self._device), start

    def _decode(
        self, latents: Tensor, elevation: float, threshold: float, networks: Networks
    ) -> GaussianCloud:
        gsvae = networks.gsvae()
        with networks.offload.on_device(gsvae):
            batched = networks.offload.stays and self._device != "cpu"
            images = gsvae.decode_views(latents, batched)
        cameras = camera_to_world(elevation).to(images.device)
        gaussians = to_gaussians(images, cameras, intrinsics(VIEWS).to(images.device), threshold)
        return to_cloud(gaussians, threshold)


def load(variant: str, device: str) -> DiffSplat:
    """The engine's variant on `device`."""
    return DiffSplat(BASE_MODELS[variant], device)
