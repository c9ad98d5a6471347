"""Sprout: text, a picture or both to Gaussians."""

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
from ...representations.gaussians import GaussianSplats
from ...weights import bundled_file
from ..base import ConditioningCamera, EngineInputs, Generation
from .card import WEIGHTS
from .checkpoint import FOLDER, read_networks
from .color_names import recolor
from .model import (
    DISTANCE,
    FOV,
    PICTURE_SIZE,
    TEXT_TOKENS,
    TEXT_WIDTH,
    DenoiserInputs,
    LatentDenoiser,
    SplatDecoder,
    estimate,
)
from .prompt_parsing import ParsedPrompt, PromptEncoder
from .prompt_tokens import pack_text
from .refinement import Decoder, TargetView, graphed_decoder, place_by_frame, refine
from .text_sampling import initial_noise, sample_from_text
from .vocabulary import NOUNS, Vocabulary

MIN_OPACITY = 0.02  # fainter Gaussians are dropped


@dataclass(frozen=True)
class _Settings:
    """The card's parameters."""

    seed: int
    steps: int
    guidance: float
    elevation: float
    detail: float
    refinement: int
    keep_framing: bool


class Sprout:
    """The loaded model."""

    def __init__(self, device: str) -> None:
        """Load the weights.

        Raises:
            WeightsMissing, WeightsDamaged: what the names say.
        """
        networks = read_networks(bundled_file(FOLDER, WEIGHTS))
        self._network: LatentDenoiser = networks[0].to(device)
        on_cuda = torch.device(device).type == "cuda"
        self._denoiser: Denoiser[DenoiserInputs] = (
            GraphedDenoiser(self._network) if on_cuda else self._network
        )
        self._decoder: SplatDecoder = networks[1].to(device).requires_grad_(False)
        self._differentiable_decoder: Decoder = (
            graphed_decoder(self._decoder, device) if on_cuda else self._decoder
        )
        self._prompt_encoder = PromptEncoder(
            TextEncoder(device=device), Vocabulary.read(bundled_file(FOLDER, NOUNS))
        )
        self._device = device

    @torch.inference_mode()
    def generate(self, inputs: EngineInputs, progress: Progress) -> Generation:
        """Make one asset.

        With a picture: regress latents in one evaluation, add noise up to time `detail`, denoise,
        decode, and fit the result to the picture. From text alone: sample with guidance, decode,
        and recolour the object if the prompt names a colour.
        """
        settings = _Settings(**inputs.parameters)  # pyright: ignore[reportArgumentType]
        prompt = ParsedPrompt.parse(inputs.prompt)
        has_text = bool(prompt.prompt.strip())
        text, notes = self._prompt_encoder.encode(prompt) if has_text else (None, ())
        conditioning = self._denoiser_inputs(inputs, text, settings)
        if conditioning.picture is None:
            gaussians = self._from_text(conditioning, settings, progress)
        else:
            picture = conditioning.picture[0]
            gaussians = self._from_picture(conditioning, picture, settings, progress)
        cloud = to_cloud(gaussians, MIN_OPACITY)
        if conditioning.picture is None and prompt.color and len(cloud):
            cloud = recolor(cloud, prompt.color)
        progress.step(1, 1)
        camera = ConditioningCamera(settings.elevation, DISTANCE, FOV)
        return Generation(GaussianSplats(cloud), camera, notes=notes)

    def _from_text(
        self, conditioning: DenoiserInputs, settings: _Settings, progress: Progress
    ) -> GaussianBatch:
        steps = settings.steps
        progress.step(0, steps + 1)
        noise = initial_noise(settings.seed).to(self._device)
        latents = sample_from_text(
            self._denoiser,
            conditioning,
            noise,
            steps,
            settings.guidance,
            lambda done: progress.step(done, steps + 1),
        )
        return self._decoder(latents)

    def _from_picture(
        self,
        conditioning: DenoiserInputs,
        picture: Tensor,
        settings: _Settings,
        progress: Progress,
    ) -> GaussianBatch:
        latents, times = self._initial_latents(conditioning, settings)
        steps, refinements = len(times) - 1, settings.refinement
        total = steps + refinements + 1
        progress.step(0, total)
        if steps:
            latents = sample(
                lambda noisy, time: self._denoiser(noisy, time, conditioning),
                latents,
                times,
                lambda done: progress.step(done, total),
            )
        frame = None if conditioning.frame is None else conditioning.frame[0]
        view = TargetView(picture, settings.elevation, frame)
        if not refinements:
            return place_by_frame(self._decoder(latents), view)
        return refine(
            self._differentiable_decoder,
            latents,
            view,
            refinements,
            lambda done: progress.step(steps + done, total),
        )

    def _initial_latents(
        self, conditioning: DenoiserInputs, settings: _Settings
    ) -> tuple[Tensor, list[float]]:
        """The picture's estimated latents with noise of time `detail`, and the times from there."""
        estimated = estimate(self._denoiser, conditioning)
        if settings.detail == 0:
            return estimated, [0.0]
        noise = initial_noise(settings.seed).to(estimated)
        times = sampling_times(settings.steps, settings.detail)
        return add_noise(estimated, noise, torch.tensor([settings.detail]).to(estimated)), times

    def _denoiser_inputs(
        self, inputs: EngineInputs, text: EncodedText | None, settings: _Settings
    ) -> DenoiserInputs:
        tokens, mask = self._text_tokens(text)
        cutout = inputs.pictures.get(ConditionKind.IMAGE)
        if cutout is None:
            return DenoiserInputs(tokens, mask)
        picture = torch.from_numpy(frame_cutout(cutout, PICTURE_SIZE))[None].to(self._device)
        elevation = torch.tensor([settings.elevation], device=self._device)
        frame = _frame_of(cutout).to(self._device) if settings.keep_framing else None
        features = self._network.image_features(picture)
        return DenoiserInputs(tokens, mask, picture, elevation, frame, features)

    def _text_tokens(self, text: EncodedText | None) -> tuple[Tensor, Tensor]:
        if text is None:
            empty = torch.zeros(1, TEXT_TOKENS + 1, TEXT_WIDTH, device=self._device)
            return empty, torch.zeros(empty.shape[:2], dtype=torch.bool, device=self._device)
        tokens, mask = pack_text(text)
        return tokens[None].to(self._device), mask[None].to(self._device)


def _frame_of(cutout: NDArray[np.uint8]) -> Tensor:
    """DenoiserInputs.frame [1, 3] of the framed crop, for a picture whose longer side spans the
    camera's field of view.
    """
    height, width = cutout.shape[:2]
    square, half = bounding_square(cutout), max(height, width) / 2
    x, y = (square.x - width / 2) / half, (square.y - height / 2) / half
    return torch.tensor([[x, y, math.log(square.side / half / 2)]])


def load(variant: str, device: str) -> Sprout:
    """The engine on `device`; there is one variant."""
    return Sprout(device)
