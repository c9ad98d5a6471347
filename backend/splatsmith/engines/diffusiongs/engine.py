"""DiffusionGS: a picture of an object or of a place to Gaussians."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...contract.cards import ConditionKind, Variant
from ...contract.problems import InvalidRequest
from ...diffusion.ddpm import DDPMSchedule
from ...gaussians.gaussian_batch import GaussianBatch, to_cloud
from ...gaussians.view_renderer import ViewRenderer
from ...nn.checkpoint_files import tensor_files
from ...nn.offload import explain_out_of_memory
from ...progress import Progress
from ...representations.gaussian_scene import GaussianScene
from ...representations.gaussians import GaussianSplats
from ...weights import require
from ..base import EngineInputs, Generation
from .card import CARD, MODELS, SIDES, Model, Settings, Subject
from .denoiser_cache import DenoiserCache, LoadedDenoiser
from .gaussian_parameters import GaussianParameters
from .object_cameras import order_by_sides, regenerated_views, template_views
from .pictures import framed_views, published_views, scene_view
from .pruning import image_psnr, keep_most_visible, select, visible, within_box, within_distance
from .published_checkpoints import CAMERA_TEMPLATE, TEMPLATE
from .sampling import SamplingStep, make_denoise, sample
from .scene_cameras import PathKind, scene_views
from .views import NetworkViews


@dataclass(frozen=True)
class _Task:
    """What to sample: the views, of which `clean` [K, 3, S, S], 0..1, are the first."""

    settings: Settings
    views: NetworkViews
    clean: Tensor

    @property
    def noisy_views(self) -> int:
        return len(self.views) - len(self.clean)

    @property
    def schedule(self) -> DDPMSchedule:
        """A single evaluation where no view is noisy."""
        return DDPMSchedule.respaced(self.settings.steps if self.noisy_views else 1)


class DiffusionGS:
    """One variant. Its network is loaded when a job first needs it."""

    def __init__(self, variant: Variant, model: Model, device: str) -> None:
        self._variant = variant
        self._subject = model.subject
        self._device = device
        self._denoisers = DenoiserCache(variant, model, device)

    @torch.inference_mode()
    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        """Sample the views around the picture's; the last step's Gaussians are the result.

        Raises:
            InvalidRequest, UnreadablePicture: the inputs are incompatible or unusable.
            WeightsMissing, WeightsDamaged, OutOfMemory: what the names say.
        """
        settings = Settings.of(inputs.parameters)
        require(self._variant.required_checkpoints(frozenset(inputs.pictures), inputs.parameters))
        task = self._task(inputs, settings)
        denoiser = self._denoisers.get(settings, len(task.schedule.timesteps))
        render = ViewRenderer(
            task.views.cameras, self._device, one_at_a_time=not denoiser.offload.stays
        )
        with explain_out_of_memory(denoiser.offload, denoiser.demand):
            sampled = self._sample(task, denoiser, render, progress)
            kept, notes = _prune(self._cropped(sampled, task), settings.max_gaussians, render)
        cloud = to_cloud(task.views.to_asset(kept), 0)
        path = task.views.path
        answer = GaussianSplats(cloud) if path is None else GaussianScene(cloud, path)
        return Generation(answer, task.views.camera, notes, path)

    def _task(self, inputs: EngineInputs, settings: Settings) -> _Task:
        size = self._denoisers.model().size
        if self._subject is Subject.SCENE:
            clean = scene_view(inputs.pictures[ConditionKind.IMAGE], size)
            path = PathKind(settings.path)
            views = scene_views(path, settings.amount, settings.fov, size)
            return _Task(settings, views, clean)
        given = [side for side in SIDES if side in inputs.pictures]
        prepare = published_views if settings.preparation == "published" else framed_views
        clean = prepare([inputs.pictures[side] for side in given], size, settings.foreground_ratio)
        views = _object_views(settings, size)
        order = order_by_sides(views, [SIDES[side] for side in given])
        return _Task(settings, views.reordered(order), clean)

    def _sample(
        self, task: _Task, denoiser: LoadedDenoiser, render: ViewRenderer, progress: Progress
    ) -> GaussianBatch:
        """The last step's Gaussians, in the network's world."""
        total = len(task.schedule.timesteps)
        progress.step(0, total)
        draw_noise = self._noise_source(task)
        gaussians: GaussianParameters | None = None
        with denoiser.offload.on_device(denoiser.network):
            rays, clean = task.views.rays(self._device), task.clean.to(self._device)
            denoise = make_denoise(denoiser.evaluate, denoiser.network.config, rays, clean)
            steps = sample(denoise, render, task.schedule, draw_noise)
            for done, step in enumerate(steps, 1):
                progress.step(done, total, _front_view_of(step))
                gaussians = step.gaussians
        assert gaussians is not None
        return gaussians.activated()

    def _noise_source(self, task: _Task) -> Callable[[], Tensor]:
        """Unit noise of the noisy views, drawn on the CPU, so that a seed gives the same on every
        device.
        """
        generator = torch.Generator().manual_seed(task.settings.seed)
        shape = (task.noisy_views, *task.clean.shape[1:])
        is_cpu = self._device == "cpu"

        def draw() -> Tensor:
            noise = torch.randn(shape, generator=generator, pin_memory=not is_cpu)
            return noise.to(self._device, non_blocking=True)

        return draw

    def _cropped(self, gaussians: GaussianBatch, task: _Task) -> GaussianBatch:
        settings = task.settings
        kept = visible(gaussians, settings.opacity_threshold)
        if self._subject is Subject.SCENE:
            camera = torch.from_numpy(task.views.c2w[0, :3, 3]).to(gaussians.means)
            kept &= within_distance(gaussians, camera, settings.far)
        else:
            kept &= within_box(gaussians, settings.crop)
        if not kept.any():
            raise InvalidRequest(
                "No Gaussian of the result is opaque enough and within the crop.",
                "Try another seed, or lower Opacity Threshold.",
            )
        return select(gaussians, kept)


def _object_views(settings: Settings, size: int) -> NetworkViews:
    if settings.cameras == TEMPLATE:
        return template_views(tensor_files(CAMERA_TEMPLATE), size)
    return regenerated_views(settings.elevation, settings.distance, size)


def _front_view_of(step: SamplingStep) -> Callable[[], NDArray[np.uint8]]:
    """Draws the first view [S, S, 3] of a step's Gaussians."""

    def draw() -> NDArray[np.uint8]:
        pixels = (255 * step.views[0].clamp(0, 1)).round().byte()
        return pixels.permute(1, 2, 0).cpu().numpy()

    return draw


def _prune(
    gaussians: GaussianBatch, count: int, render: ViewRenderer
) -> tuple[GaussianBatch, tuple[str, ...]]:
    """At most `count` Gaussians, and what that costs as a note."""
    found = gaussians.means.shape[1]
    if found <= count:
        return gaussians, ()
    kept = keep_most_visible(gaussians, count)
    psnr = image_psnr(render(gaussians), render(kept))
    note = f"{count:,} of {found:,} Gaussians were kept; the views differ by {psnr:.1f} dB."
    return kept, (note,)


def load(variant: str, device: str) -> DiffusionGS:
    """The engine's variant on `device`."""
    return DiffusionGS(CARD.variant(variant), MODELS[variant], device)
