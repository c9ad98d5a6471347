"""Text, a picture or both to Gaussians: estimate from the picture, sample latents, decode, fit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...conditioning.framing import bounding_square, frame_cutout
from ...conditioning.text_encoder import EncodedText, TextEncoder
from ...contract.cards import ConditionKind
from ...diffusion.rectified_flow import add_noise, sample, sampling_times
from ...gaussians.gaussian_batch import GaussianBatch, to_cloud
from ...nn.cuda_graphs import Denoiser, GraphedDenoiser
from ...progress import Progress
from ...weights import bundled_file
from ..base import ConditioningCamera, EngineInputs, Generation
from .card import WEIGHTS
from .checkpoint import FOLDER, read_networks
from .color_names import in_color
from .model import (
    DISTANCE,
    FOV,
    PICTURE,
    TEXT_TOKENS,
    TEXT_WIDTH,
    Condition,
    LatentDenoiser,
    SplatDecoder,
    estimate,
)
from .prompt_parsing import Reader, Wording
from .prompt_tokens import pack_text
from .refinement import Decoder, View, placed, recorded, refine
from .text_sampling import sample_from_text, starting_noise
from .vocabulary import NOUNS, Vocabulary

FAINTEST = 0.02  # Gaussians below this opacity are left out


@dataclass(frozen=True)
class _Settings:
    seed: int
    steps: int
    guidance: float
    elevation: float
    detail: float
    refinement: int
    keep_framing: bool


class Sprout:
    """The loaded model; see the card for its parameters."""

    def __init__(self, device: str) -> None:
        """Load the weights.

        Raises:
            WeightsMissing, WeightsDamaged: what the names say.
        """
        networks = read_networks(bundled_file(FOLDER, WEIGHTS))
        self._network: LatentDenoiser = networks[0].to(device)
        on_cuda = torch.device(device).type == "cuda"
        self._denoiser: Denoiser[Condition] = (
            GraphedDenoiser(self._network) if on_cuda else self._network
        )
        self._decoder: SplatDecoder = networks[1].to(device).requires_grad_(False)
        self._fitted: Decoder = recorded(self._decoder, device) if on_cuda else self._decoder
        self._reader = Reader(
            TextEncoder(device=device), Vocabulary.read(bundled_file(FOLDER, NOUNS))
        )
        self._device = device

    @torch.inference_mode()
    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        """One asset. A picture is first estimated in one evaluation; its latents are then noised
        as far as `detail` says, sampled anew and fitted to the picture. Text alone is sampled from
        noise, with guidance.
        """
        settings = _Settings(**inputs.parameters)  # pyright: ignore[reportArgumentType]
        wording = Wording.of(inputs.prompt)
        read, remarks = self._reader.read(wording) if wording.prompt.strip() else (None, ())
        told = self._condition(inputs, read, settings)
        gaussians = (
            self._of_text(told, settings, progress)
            if told.picture is None
            else self._of_picture(told, told.picture[0], settings, progress)
        )
        cloud = to_cloud(gaussians, FAINTEST)
        if told.picture is None and wording.color and len(cloud):
            cloud = in_color(cloud, wording.color)
        progress.step(1, 1)
        camera = ConditioningCamera(settings.elevation, DISTANCE, FOV)
        return Generation(cloud, camera, notes=remarks if told.picture is None else ())

    def _of_text(self, told: Condition, settings: _Settings, progress: Progress) -> GaussianBatch:
        steps = settings.steps
        progress.step(0, steps + 1)
        noise = starting_noise(settings.seed).to(self._device)
        latents = sample_from_text(
            self._denoiser,
            told,
            noise,
            steps,
            settings.guidance,
            lambda done: progress.step(done, steps + 1),
        )
        return self._decoder(latents)

    def _of_picture(
        self, told: Condition, picture: Tensor, settings: _Settings, progress: Progress
    ) -> GaussianBatch:
        latents, times = self._start(told, settings)
        steps, fits = len(times) - 1, settings.refinement
        every = steps + fits + 1
        progress.step(0, every)
        if steps:
            latents = sample(
                lambda noisy, time: self._denoiser(noisy, time, told),
                latents,
                times,
                lambda done: progress.step(done, every),
            )
        frame = None if told.frame is None else told.frame[0]
        view = View(picture, settings.elevation, frame)
        if not fits:
            return placed(self._decoder(latents), view)
        return refine(
            self._fitted, latents, view, fits, lambda done: progress.step(steps + done, every)
        )

    def _start(self, told: Condition, settings: _Settings) -> tuple[Tensor, list[float]]:
        """Where sampling from a picture starts, and its times: from the noised estimate."""
        guess = estimate(self._denoiser, told)
        if settings.detail == 0:
            return guess, [0.0]
        noise = starting_noise(settings.seed).to(guess)
        times = sampling_times(settings.steps, settings.detail)
        return add_noise(guess, noise, torch.tensor([settings.detail]).to(guess)), times

    def _condition(
        self, inputs: EngineInputs, read: EncodedText | None, settings: _Settings
    ) -> Condition:
        text, mask = self._words(read)
        cutout = inputs.pictures.get(ConditionKind.IMAGE)
        if cutout is None:
            return Condition(text, mask)
        picture = torch.from_numpy(frame_cutout(cutout, PICTURE))[None].to(self._device)
        height = torch.tensor([settings.elevation], device=self._device)
        frame = _frame_of(cutout).to(self._device) if settings.keep_framing else None
        return Condition(text, mask, picture, height, frame, self._network.look(picture))

    def _words(self, read: EncodedText | None) -> tuple[Tensor, Tensor]:
        if read is None:
            empty = torch.zeros(1, TEXT_TOKENS + 1, TEXT_WIDTH, device=self._device)
            return empty, torch.zeros(empty.shape[:2], dtype=torch.bool, device=self._device)
        text, mask = pack_text(read)
        return text[None].to(self._device), mask[None].to(self._device)


def _frame_of(cutout: NDArray[np.uint8]) -> Tensor:
    """Where the framed picture lies in the whole one, [1, 3] as model.FRAME has it; the camera's
    field of view is that of the picture's longer side.
    """
    height, width = cutout.shape[:2]
    square, half = bounding_square(cutout), max(height, width) / 2
    x, y = (square.x - width / 2) / half, (square.y - height / 2) / half
    return torch.tensor([[x, y, math.log(square.side / half / 2)]])


def load(variant: str, device: str) -> Sprout:
    """The engine on `device`; there is one variant."""
    return Sprout(device)
