"""Accuracy of text to object: is it the thing, in the color, by whatever name?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from skimage.color import rgb2lab
from torch import Tensor

from splatsmith.conditioning.text_encoder import TextEncoder
from splatsmith.contract.cloud import SH_C0
from splatsmith.engines.sprout.checkpoint import FOLDER
from splatsmith.engines.sprout.color_names import NAMED_COLORS, recolor
from splatsmith.engines.sprout.prompt_parsing import ParsedPrompt, PromptEncoder
from splatsmith.engines.sprout.prompt_tokens import pack_text
from splatsmith.engines.sprout.vocabulary import NOUNS as VOCABULARY
from splatsmith.engines.sprout.vocabulary import Vocabulary
from splatsmith.gaussians.gaussian_batch import GaussianBatch
from splatsmith.weights import bundled_file
from training.captions import NON_OBJECT_NOUNS, head_noun, hypernyms, with_article
from training.image_metrics import RenderFunction
from training.metric_networks import ImageFeatures
from training.objects import ObjectRecord
from training.orbit_views import RETRIEVAL_ORBIT, as_images, render_orbits
from training.sprout.recoloring import COLOR_NAMES
from training.sprout.reconstruction import cloud_at
from training.sprout.validation import Networks
from training.sprout.validation_grids import sample_latents
from training.view_dataset import on_white

NOUNS = 60
MIN_TRAINING_OBJECTS = 8  # of a noun
SEEDS = 4
NEAREST = 5
BATCH = 16
COLORED_NOUNS = (
    "chair", "car", "house", "bottle", "table", "mushroom", "sofa", "lamp", "door", "bed",
)  # fmt: skip
PROMPT_COLORS = ("red", "green", "blue", "yellow", "purple", "pink", "white", "black")
SYNONYMS = {
    "an automobile": "car",
    "a couch": "sofa",
    "a settee": "sofa",
    "a boulder": "rock",
    "a cottage": "house",
    "a cupboard": "cabinet",
    "a blade": "sword",
    "a conifer": "tree",
    "a seat": "chair",
    "a desk": "table",
    "a motorcar": "car",
    "a bungalow": "house",
    "a hatchet": "axe",
    "a shrub": "bush",
    "a trout": "fish",
    "a skyscraper": "building",
    "a flask": "bottle",
    "a bookshelf": "shelf",
    "a toadstool": "mushroom",
    "a carpet": "rug",
}


@dataclass(frozen=True)
class PromptRenderer:
    """Renders what the networks generate from prompts."""

    networks: Networks
    render: RenderFunction
    device: str

    @torch.inference_mode()
    def __call__(self, prompts: list[str], seed: int) -> tuple[Tensor, Tensor]:
        """RGB on white [P, 4, 3, 128, 128] and alpha from RETRIEVAL_ORBIT."""
        reader = PromptEncoder(TextEncoder(), Vocabulary.read(bundled_file(FOLDER, VOCABULARY)))
        parsed = [ParsedPrompt.parse(prompt) for prompt in prompts]
        packed = [pack_text(reader.encode(each)[0]) for each in parsed]
        tokens, mask = (torch.stack(part).to(self.device) for part in zip(*packed, strict=True))
        images, alphas = [], []
        for start in range(0, len(prompts), BATCH):
            rows = slice(start, start + BATCH)
            latents = sample_latents(
                self.networks[0], (tokens[rows], mask[rows]), [seed] * len(tokens[rows])
            )
            colors = [each.color for each in parsed[rows]]
            image, alpha = self._render(apply_prompt_colors(self.networks[1](latents), colors))
            images.append(image.cpu().clamp(0, 1))
            alphas.append(alpha.cpu())
        return torch.cat(images), torch.cat(alphas)

    def _render(self, clouds: GaussianBatch) -> tuple[Tensor, Tensor]:
        azimuth = torch.tensor(RETRIEVAL_ORBIT.azimuths, device=self.device)
        azimuth = azimuth.expand(len(clouds.means), -1)
        return self.render(clouds, azimuth, torch.full_like(azimuth, RETRIEVAL_ORBIT.elevation))


def apply_prompt_colors(clouds: GaussianBatch, names: list[str | None]) -> GaussianBatch:
    """Each of B clouds in the color that its prompt names, if any, as the engine does."""
    colors = clouds.colors.clone()
    for index, name in enumerate(names):
        if name:
            recolored = recolor(cloud_at(clouds, index), name)
            colors[index] = torch.from_numpy(0.5 + SH_C0 * recolored.sh0).to(colors)
    return replace(clouds, colors=colors)


def most_common_nouns(records: list[ObjectRecord]) -> list[str]:
    """Up to NOUNS nouns of objects."""
    counts = Counter(head_noun(record.name) for record in records)
    names = [noun for noun, count in counts.most_common() if count >= MIN_TRAINING_OBJECTS]
    return [noun for noun in names if noun not in NON_OBJECT_NOUNS][:NOUNS]


class ObjectRecognizer:
    """Classifies renderings by the names of the training objects with the nearest features."""

    def __init__(self, objects: Path, training: list[ObjectRecord], device: str) -> None:
        self._records = training
        self._features = ImageFeatures(device)
        views = render_orbits(objects, training, RETRIEVAL_ORBIT)
        parts = [self._features(on_white(as_images(part))) for part in views.split(64)]
        self._training_features = torch.cat(parts)

    def recognizes(self, images: Tensor, nouns: list[str]) -> list[bool]:
        """Whether each noun is among the names of the objects nearest to images [B, 4, 3, H, W]."""
        return [
            any(noun in accepted_names(record) for record in nearest)
            for noun, nearest in zip(nouns, self.nearest(images), strict=True)
        ]

    def nearest(self, images: Tensor) -> list[list[ObjectRecord]]:
        """The NEAREST training objects of each of B renderings, nearest first."""
        similarity = self._features(images) @ self._training_features.T
        rows = similarity.topk(NEAREST).indices.tolist()
        return [[self._records[index] for index in row] for row in rows]


def accepted_names(record: ObjectRecord) -> set[str]:
    """The words of its name, and the hypernyms of its head noun."""
    return {*record.name.split(), *hypernyms(head_noun(record.name))}


def noun_accuracy(
    renderer: PromptRenderer, recognizer: ObjectRecognizer, nouns: list[str]
) -> dict[str, float]:
    """For each noun, the share of its samples that is recognized."""
    prompts = [with_article(noun) for noun in nouns]
    shares = _recognized_shares(renderer, recognizer, prompts, nouns)
    return dict(zip(nouns, shares, strict=True))


def synonym_accuracy(renderer: PromptRenderer, recognizer: ObjectRecognizer) -> dict[str, float]:
    """For each synonym, the share of its samples that is recognized as what it means."""
    prompts, nouns = list(SYNONYMS), list(SYNONYMS.values())
    shares = _recognized_shares(renderer, recognizer, prompts, nouns)
    return dict(zip(prompts, shares, strict=True))


def _recognized_shares(
    renderer: PromptRenderer, recognizer: ObjectRecognizer, prompts: list[str], nouns: list[str]
) -> list[float]:
    seeds = [recognizer.recognizes(renderer(prompts, seed)[0], nouns) for seed in range(SEEDS)]
    return [sum(each) / SEEDS for each in zip(*seeds, strict=True)]


def color_accuracy(renderer: PromptRenderer) -> dict[str, float]:
    """For each color, the share of samples of which it is one of the two dominant colors."""
    prompts = [(color, f"a {color} {noun}") for color in PROMPT_COLORS for noun in COLORED_NOUNS]
    images, alphas = renderer([prompt for _, prompt in prompts], 0)
    counts = Counter[str]()
    for (color, _), image, alpha in zip(prompts, images, alphas, strict=True):
        counts[color] += color in _dominant_colors(image, alpha)
    return {color: counts[color] / len(COLORED_NOUNS) for color in PROMPT_COLORS}


def _dominant_colors(image: Tensor, alpha: Tensor) -> list[str]:
    """Names of the two most frequent colors, by the nearest named color in CIE Lab with lightness
    at half weight.
    """
    pixels = image.movedim(1, -1)[alpha > 0.5]
    if not len(pixels):
        return []
    scale = torch.tensor([0.5, 1, 1])
    anchors = torch.from_numpy(rgb2lab(torch.tensor(list(NAMED_COLORS.values())).numpy())) * scale
    lab = torch.from_numpy(rgb2lab(pixels.numpy())) * scale
    nearest = torch.cdist(lab.float(), anchors.float()).argmin(1)
    counts = torch.bincount(nearest, minlength=len(COLOR_NAMES))
    return [COLOR_NAMES[index] for index in counts.topk(2).indices]
