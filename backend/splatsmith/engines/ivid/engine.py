"""ivid: a class, or a picture with depths, to RGBD views of a part of a scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...contract.cards import Checkpoint, Variant
from ...contract.problems import InvalidRequest
from ...diffusion.ddpm import TRAINING_STEPS
from ...nn import cuda_graphs
from ...nn.offload import explain_out_of_memory
from ...progress import Progress
from ...weights import require
from ..base import ConditioningCamera, EngineInputs, Generation
from .adm_unet import NO_CLASS, RGBD
from .cameras import FOV, Pose
from .card import CARD, CLASS_LABELS, PICTURE, Settings
from .denoising import Condition, DenoiserInputs, Pulls, pull_to_condition
from .fused_views import FusedViews
from .networks import NetworkCache
from .published_checkpoints import CONDITIONAL, UNCONDITIONAL
from .rgbd_pictures import view_of_picture
from .sampling import AncestralSampler, DDIMSampler, Denoise, Edit, FastSampler, Sampler, sample
from .view_chain import RgbdView, ViewChain
from .viewset import camera_path, groups_of, poses_of

DrawNoise = Callable[[], Tensor]


@dataclass(frozen=True)
class _Task:
    """poses: of all views. groups: their indices, those together that are made at once.

    number: of the class, or NO_CLASS.
    """

    settings: Settings
    poses: list[Pose]
    groups: list[list[int]]
    number: int

    @property
    def steps(self) -> list[int]:
        """Of each group."""
        first, further = self.settings.steps, self.settings.view_steps
        return [first, *[further] * (len(self.groups) - 1)]

    @property
    def is_guided(self) -> bool:
        return self.settings.guidance > 0 and self.number != NO_CLASS


@dataclass(frozen=True)
class _Source:
    """What views are sampled from: a network, noise, and what is seen of earlier views."""

    checkpoint: Checkpoint
    draw_noise: DrawNoise
    condition: Condition | None = None


class Ivid:
    """One variant. Its networks are loaded when a job first needs them."""

    def __init__(self, variant: Variant, device: str) -> None:
        self._variant = variant
        self._device = device
        self._networks = NetworkCache(variant, device)

    @torch.inference_mode()
    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        """The first view, then each group of further views over what the earlier ones show.

        Raises:
            InvalidRequest: the inputs are incompatible or unusable.
            WeightsMissing, WeightsDamaged, OutOfMemory: what the names say.
        """
        settings = Settings.of(inputs.parameters)
        require(self._variant.required_checkpoints(frozenset(inputs.pictures), inputs.parameters))
        poses = poses_of(settings)
        number = CLASS_LABELS.index(inputs.class_label) if inputs.class_label else NO_CLASS
        task = _Task(settings, poses, groups_of(poses, settings), number)
        self._check_cpu_work(task)
        chain, made = ViewChain(self._device), 0
        for index, group in enumerate(task.groups):
            part = _part(progress, task, index, made)
            for view in self._make_views(inputs, task, group, chain, part):
                chain.add(view)
            made += len(group)
        camera = ConditioningCamera(0.0, 1.0, FOV)
        return Generation(
            chain.representation(),
            camera,
            _notes(task),
            camera_path=camera_path(poses),
            free_views=FusedViews(chain.views, self._device),
        )

    def _make_views(
        self, inputs: EngineInputs, task: _Task, group: list[int], chain: ViewChain, part: Progress
    ) -> list[RgbdView]:
        if not chain.views and self._variant.id == PICTURE:
            part.step(1, 1)
            size = self._networks.config(CONDITIONAL).image_size
            return [view_of_picture(inputs.pictures, task.settings, size)]
        poses = [task.poses[index] for index in group]
        draw = self._noise_source(task, group)
        if not chain.views:
            return self._sample(task, poses, _Source(UNCONDITIONAL, draw), part)
        warped = [chain.warped(pose) for pose in poses]
        condition = Condition.of_views(warped, self._device)
        return self._sample(task, poses, _Source(CONDITIONAL, draw, condition), part)

    def _sample(
        self, task: _Task, poses: list[Pose], source: _Source, progress: Progress
    ) -> list[RgbdView]:
        """Views of these poses."""
        condition = source.condition
        settings = task.settings
        sampler = _sampler(settings, is_first=condition is None)
        progress.step(0, len(sampler.timesteps))
        loaded = self._networks.get(source.checkpoint, settings)
        inputs = DenoiserInputs.for_class(task.number, len(poses), settings.guidance, self._device)
        denoise = _denoise(loaded.evaluate, inputs, source)
        steps = sample(denoise, sampler, source.draw_noise, _edit(condition))
        with (
            explain_out_of_memory(loaded.offload, loaded.demand),
            loaded.offload.on_device(loaded.network),
        ):
            samples = _last(steps, len(sampler.timesteps), progress)
        _check_finite(samples)
        pairs = zip(poses, samples, strict=True)
        return [RgbdView.of_sample(pose, each) for pose, each in pairs]

    def _noise_source(self, task: _Task, group: list[int]) -> DrawNoise:
        """Unit noise [B, 4, S, S], drawn on the CPU for each view by its number, so that a seed
        gives the same on every device and in every order.
        """
        checkpoint = UNCONDITIONAL if group == [0] else CONDITIONAL
        size = self._networks.config(checkpoint).image_size
        states = (np.random.SeedSequence([task.settings.seed, index]) for index in group)
        generators = [
            torch.Generator().manual_seed(int(state.generate_state(1)[0])) for state in states
        ]

        def draw() -> Tensor:
            noise = [torch.randn(RGBD, size, size, generator=each) for each in generators]
            return torch.stack(noise).to(self._device)

        return draw

    def _check_cpu_work(self, task: _Task) -> None:
        factor = 2 if task.is_guided else 1
        if self._variant.id != PICTURE:
            self._networks.check_cpu_work(UNCONDITIONAL, factor * task.settings.steps)
        if further := len(task.poses) - 1:
            evaluations = factor * further * task.settings.view_steps
            self._networks.check_cpu_work(CONDITIONAL, evaluations)


def _part(progress: Progress, task: _Task, index: int, made: int) -> Progress:
    """Of a group; its stage says how many views are finished."""
    before, total = sum(task.steps[:index]), sum(task.steps)
    after = before + task.steps[index]
    stage = f"{made} of {len(task.poses)} views done"
    return progress.part(stage, before / max(total, 1), after / max(total, 1))


def _sampler(settings: Settings, *, is_first: bool) -> Sampler:
    steps = settings.steps if is_first else settings.view_steps
    if settings.sampler == "fast":
        return FastSampler(steps)
    if settings.sampler == "published" and is_first and steps == TRAINING_STEPS:
        return AncestralSampler()
    return DDIMSampler(steps)


def _denoise(
    evaluate: cuda_graphs.Denoiser[DenoiserInputs], inputs: DenoiserInputs, source: _Source
) -> Denoise:
    """Evaluations of a network; what is hidden in a condition is new noise in each."""

    def denoise(noisy: Tensor, time: Tensor) -> Tensor:
        if source.condition is None:
            return evaluate(noisy, time, inputs)
        channels = source.condition.channels(source.draw_noise())
        return evaluate(noisy, time, inputs.with_condition(channels))

    return denoise


def _edit(condition: Condition | None) -> Edit | None:
    if condition is None:
        return None
    seen, pulls = condition, Pulls()
    return lambda clean, is_last: pull_to_condition(clean, seen, pulls, is_last=is_last)


def _last(steps: Iterator[tuple[Tensor, Tensor]], total: int, progress: Progress) -> Tensor:
    """The samples [B, 4, S, S] after the last step."""
    samples: Tensor | None = None
    for done, (clean, noisy) in enumerate(steps, 1):
        samples = noisy
        progress.step(done, total, _drawing_of(clean))
    assert samples is not None
    return samples


def _drawing_of(clean: Tensor) -> Callable[[], NDArray[np.uint8]]:
    """Draws the colours [S, S, 3] of a step's first estimate."""

    def draw() -> NDArray[np.uint8]:
        pixels = (127.5 * clean[0, :3].float().clamp(-1, 1) + 127.5).round().byte()
        return pixels.permute(1, 2, 0).cpu().numpy()

    return draw


def _check_finite(sample: Tensor) -> None:
    if not sample.isfinite().all():
        raise InvalidRequest(
            "The network's numbers ran out of the precision's range.",
            "Set precision to bfloat16 or float32.",
        )


def _notes(task: _Task) -> tuple[str, ...]:
    if task.settings.order == "rings" and len(task.groups) < len(task.poses):
        return ("Views of one ring were made at once and do not see each other.",)
    return ()


def load(variant: str, device: str) -> Ivid:
    """The engine's variant on `device`."""
    return Ivid(CARD.variant(variant), device)
