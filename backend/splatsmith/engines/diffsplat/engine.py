"""Text, a picture or a map to Gaussians, by way of the latents of four views."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...contract.cards import ConditionKind
from ...contract.cloud import GaussianCloud
from ...diffusion.schedulers import Solver, make_solver
from ...gaussians.gaussian_batch import to_cloud
from ...memory import check_memory
from ...nn.cuda_graphs import GraphedDenoiser
from ...progress import Progress
from ...weights import require
from ..base import ConditioningCamera, EngineInputs, Generation
from .cameras import camera_to_world, intrinsics
from .card import CARD
from .denoisers import MultiViewUNet
from .image_conditions import look, tell
from .loaded_networks import VIEWS, Networks, bytes_needed
from .offload import Demand, choose_residence, told_when_full
from .sampling import GuidedDenoiser, Told, draws_needed, sample
from .settings import Settings, choose_precision, chosen_map, read_settings
from .splat_images import read_gaussians
from .text_conditions import Reading, read_prompts
from .variants import FAMILIES, Family
from .viewpoints import DISTANCE, FOV

Denoise = Callable[[Tensor, Tensor, Told], Tensor]


class DiffSplat:
    """One variant; see the card. Its networks are loaded when a job first needs them."""

    def __init__(self, family: Family, device: str) -> None:
        self._family = family
        self._device = device
        self._networks: Networks | None = None
        self._guided: tuple[GuidedDenoiser, Denoise] | None = None
        self._reading: Reading | None = None

    @torch.inference_mode()
    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        """Read the prompt, look at the picture, sample the views' latents, decode them.

        Raises:
            InvalidRequest, UnreadablePicture: what was given does not go together.
            WeightsMissing, WeightsDamaged, OutOfMemory: what the names say.
        """
        settings = read_settings(inputs, self._family)
        demand = self._demand(inputs, settings)
        networks = self._loaded(settings, demand)
        with told_when_full(networks.residence, demand):
            return self._make(inputs, settings, networks, progress)

    def _make(
        self, inputs: EngineInputs, settings: Settings, networks: Networks, progress: Progress
    ) -> Generation:
        steps = settings.steps + 2
        progress.step(0, steps)
        reading = self._read(inputs.prompt, settings, networks)
        progress.step(1, steps)
        guided, denoise = self._denoiser(inputs, networks)
        size = guided.network.latent_size
        seen = look(inputs, settings, networks, size)
        told = tell(reading.text, seen, settings, size)
        solver = self._solver(settings, networks, has_picture=seen.picture is not None)
        noise = self._noise(settings.seed, draws_needed(solver), networks, size)
        with networks.residence.at_work(guided):
            latents = sample(
                denoise, told, solver, noise, lambda done: progress.step(1 + done, steps)
            )
        cloud = self._decode(latents, seen.elevation, settings.opacity_threshold, networks)
        progress.step(steps, steps)
        camera = ConditioningCamera(seen.elevation, DISTANCE, FOV)
        return Generation(cloud, camera, notes=reading.notes)

    def _demand(self, inputs: EngineInputs, settings: Settings) -> Demand:
        """The memory for the networks that the request needs; all of them must be here."""
        given = frozenset({*inputs.pictures, ConditionKind.TEXT})
        variant = CARD.variant(self._family.id)
        checkpoints = variant.required_checkpoints(given, inputs.parameters)
        require(checkpoints)
        dtype = choose_precision(settings.precision, self._device)
        sizes = [bytes_needed(each, dtype) for each in checkpoints]
        seen = variant.memory_bytes.get(str(dtype).removeprefix("torch."), 0)
        return Demand(sum(sizes), max(seen, *sizes))

    def _loaded(self, settings: Settings, demand: Demand) -> Networks:
        """The networks, or the place for them, in the precision and memory that were chosen."""
        dtype = choose_precision(settings.precision, self._device)
        residence = choose_residence(settings.memory, self._device, demand)
        kept = self._networks
        if kept is None or (kept.dtype, kept.residence) != (dtype, residence):
            self._networks = self._guided = self._reading = None
            if residence.home == "cpu":
                check_memory(demand.kept, "The networks", "Use bfloat16, or a smaller variant.")
            self._networks = kept = Networks(self._family, dtype, residence)
        return kept

    def _read(self, prompt: str, settings: Settings, networks: Networks) -> Reading:
        """The last prompt's reading is kept: a batch may try it with many seeds."""
        prompts = (settings.negative_prompt, prompt)[settings.guidance <= 1 :]
        kept = self._reading
        if kept is None or (kept.prompts, kept.t5) != (prompts, settings.t5):
            self._reading = kept = read_prompts(prompts, settings.t5, self._family, networks)
        return kept

    def _denoiser(self, inputs: EngineInputs, networks: Networks) -> tuple[GuidedDenoiser, Denoise]:
        """The network that is sampled, and how it is called: where it stays, from a recording."""
        network = networks.denoiser(ConditionKind.IMAGE in inputs.pictures)
        kind, control_net = chosen_map(inputs), None
        if kind and isinstance(network, MultiViewUNet):
            control_net = networks.control_net(kind, network)
        kept = self._guided
        if kept is None or (kept[0].network, kept[0].control_net) != (network, control_net):
            guided = GuidedDenoiser(network, control_net)
            stays = networks.residence.stays and self._device != "cpu"
            self._guided = kept = guided, GraphedDenoiser(guided) if stays else guided
        return kept

    def _solver(self, settings: Settings, networks: Networks, has_picture: bool) -> Solver:
        prediction = self._family.predictions[has_picture]
        base = networks.scheduler_config()
        return make_solver(settings.scheduler, base, prediction, settings.steps, settings.eta)

    def _noise(self, seed: int, draws: int, networks: Networks, size: int) -> Tensor:
        """[draws, V, C, h, w], drawn on the CPU: a seed gives the same on every device."""
        channels = networks.gsvae().latent_channels
        randomness = torch.Generator().manual_seed(seed)
        return torch.randn(draws, VIEWS, channels, size, size, generator=randomness).to(
            self._device
        )

    def _decode(
        self, latents: Tensor, elevation: float, threshold: float, networks: Networks
    ) -> GaussianCloud:
        gsvae = networks.gsvae()
        with networks.residence.at_work(gsvae):
            together = networks.residence.stays and self._device != "cpu"
            images = gsvae.decode_views(latents, together)
        cameras = camera_to_world(elevation).to(images.device)
        splats = read_gaussians(images, cameras, intrinsics(VIEWS).to(images.device), threshold)
        return to_cloud(splats, threshold)


def load(variant: str, device: str) -> DiffSplat:
    """The engine's variant on `device`."""
    return DiffSplat(FAMILIES[variant], device)
