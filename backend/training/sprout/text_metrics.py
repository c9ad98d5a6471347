"""How well words become objects: is it the thing, in the colour, by whatever name?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from skimage.color import rgb2lab
from torch import Tensor

from splatsmith.conditioning.text_encoder import TextEncoder
from splatsmith.contract.cloud import SH_C0, GaussianCloud
from splatsmith.engines.sprout.checkpoint import FOLDER
from splatsmith.engines.sprout.color_names import NAMED_COLORS, recolor
from splatsmith.engines.sprout.model import LatentDenoiser, SplatDecoder
from splatsmith.engines.sprout.prompt_parsing import ParsedPrompt, PromptEncoder
from splatsmith.engines.sprout.prompt_tokens import pack_text
from splatsmith.engines.sprout.vocabulary import NOUNS as VOCABULARY
from splatsmith.engines.sprout.vocabulary import Vocabulary
from splatsmith.gaussians.gaussian_batch import GaussianBatch, to_cloud
from splatsmith.weights import bundled_file
from training.captions import NON_OBJECT_NOUNS, head_noun, hypernyms, with_article
from training.judge_networks import ImageFeatures
from training.objects import ObjectRecord
from training.orbit_views import RETRIEVAL_ORBIT, as_images, render_orbits
from training.sprout.recoloring import COLOR_NAMES
from training.sprout.validation import RenderFunction
from training.sprout.validation_grids import sample_latents
from training.view_dataset import on_white

NOUNS = 60
KNOWN_BY = 8  # training objects at least, for a noun to be asked for
SEEDS = 4
NEAREST = 5
COLOURED = ("chair", "car", "house", "bottle", "table", "mushroom", "sofa", "lamp", "door", "bed")
COLOURS = ("red", "green", "blue", "yellow", "purple", "pink", "white", "black")
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
    """The networks, how their clouds are drawn, and where."""

    networks: tuple[LatentDenoiser, SplatDecoder]
    render: RenderFunction
    device: str

    @torch.inference_mode()
    def looks(self, prompts: list[str], seed: int) -> tuple[Tensor, Tensor]:
        """RGB on white [P, 4, 3, 128, 128] and alpha of what the engine makes of each prompt."""
        reader = PromptEncoder(TextEncoder(), Vocabulary.read(bundled_file(FOLDER, VOCABULARY)))
        wordings = [ParsedPrompt.parse(prompt) for prompt in prompts]
        packed = [pack_text(reader.encode(wording)[0]) for wording in wordings]
        words, mask = (torch.stack(part).to(self.device) for part in zip(*packed, strict=True))
        images, alphas = [], []
        for start in range(0, len(prompts), 16):
            told = words[start : start + 16], mask[start : start + 16]
            latents = sample_latents(self.networks[0], told, [seed] * len(told[0]))
            azimuth = torch.tensor(RETRIEVAL_ORBIT.azimuths, device=self.device).expand(
                len(latents), -1
            )
            elevation = torch.full_like(azimuth, RETRIEVAL_ORBIT.elevation)
            asked = [wording.color for wording in wordings[start : start + 16]]
            clouds = in_colors(self.networks[1](latents), asked)
            image, alpha = self.render(clouds, azimuth, elevation)
            images.append(image.cpu().clamp(0, 1))
            alphas.append(alpha.cpu())
        return torch.cat(images), torch.cat(alphas)


def in_colors(clouds: GaussianBatch, names: list[str | None]) -> GaussianBatch:
    """Each of B clouds in the colour that its prompt asks for, if it does."""
    colors = clouds.colors.clone()
    for index, name in enumerate(names):
        if name:
            painted = recolor(as_cloud(clouds, index), name)
            colors[index] = torch.from_numpy(0.5 + SH_C0 * painted.sh0).to(colors)
    return replace(clouds, colors=colors)


def as_cloud(clouds: GaussianBatch, index: int) -> GaussianCloud:
    """One of a batch, with all its Gaussians."""
    one = GaussianBatch(*(part[index : index + 1] for part in vars(clouds).values()))
    return to_cloud(one, -1)


def most_common_nouns(records: list[ObjectRecord]) -> list[str]:
    """The commonest nouns of things."""
    counts = Counter(head_noun(record.name) for record in records)
    names = [noun for noun, count in counts.most_common() if count >= KNOWN_BY]
    return [noun for noun in names if noun not in NON_OBJECT_NOUNS][:NOUNS]


class ObjectRecognizer:
    """Tells what a look shows by the training objects that look most like it."""

    def __init__(self, objects: Path, records: list[ObjectRecord], device: str) -> None:
        self._records = records
        self._features = ImageFeatures(device)
        drawn = render_orbits(objects, records, RETRIEVAL_ORBIT)
        parts = [self._features(on_white(as_images(part))) for part in drawn.split(64)]
        self._known = torch.cat(parts)

    def shows(self, looks: Tensor, nouns: list[str]) -> list[bool]:
        """Whether each look's noun names one of its nearest objects, or the kind of thing that it
        is.
        """
        return [
            any(noun in names_of(record) for record in found)
            for noun, found in zip(nouns, self.nearest(looks), strict=True)
        ]

    def nearest(self, looks: Tensor) -> list[list[ObjectRecord]]:
        """The known objects that look most like each of B, the most like it first."""
        found = (self._features(looks) @ self._known.T).topk(NEAREST).indices.tolist()
        return [[self._records[index] for index in row] for row in found]


def names_of(record: ObjectRecord) -> set[str]:
    """The words of its name, and what else such a thing is called: a couch is a sofa."""
    return {*record.name.split(), *hypernyms(head_noun(record.name))}


def noun_accuracy(
    renderer: PromptRenderer, recognizer: ObjectRecognizer, nouns: list[str]
) -> dict[str, float]:
    """Of each noun's samples, the share in which it is recognised."""
    found = Counter[str]()
    for seed in range(SEEDS):
        looks, _ = renderer.looks([with_article(noun) for noun in nouns], seed)
        shown = recognizer.shows(looks, nouns)
        found.update(noun for noun, right in zip(nouns, shown, strict=True) if right)
    return {noun: found[noun] / SEEDS for noun in nouns}


def synonym_accuracy(renderer: PromptRenderer, recognizer: ObjectRecognizer) -> dict[str, float]:
    found = Counter[str]()
    for seed in range(SEEDS):
        looks, _ = renderer.looks(list(SYNONYMS), seed)
        shown = recognizer.shows(looks, list(SYNONYMS.values()))
        found.update(prompt for prompt, right in zip(SYNONYMS, shown, strict=True) if right)
    return {prompt: found[prompt] / SEEDS for prompt in SYNONYMS}


def color_accuracy(renderer: PromptRenderer) -> dict[str, float]:
    """Of the samples asked for in each colour, the share that shows it: as one of the two colours
    that name most of its pixels.
    """
    asked = [(colour, f"a {colour} {noun}") for colour in COLOURS for noun in COLOURED]
    looks, alphas = renderer.looks([prompt for _, prompt in asked], 0)
    found = Counter[str]()
    for (colour, _), image, alpha in zip(asked, looks, alphas, strict=True):
        found[colour] += colour in _main_colours(image, alpha)
    return {colour: found[colour] / len(COLOURED) for colour in COLOURS}


def _main_colours(image: Tensor, alpha: Tensor) -> list[str]:
    """The two names of most pixels; by the nearest anchor in CIE Lab, lightness at half weight."""
    pixels = image.movedim(1, -1)[alpha > 0.5]
    if not len(pixels):
        return []
    scale = torch.tensor([0.5, 1, 1])
    anchors = torch.from_numpy(rgb2lab(torch.tensor(list(NAMED_COLORS.values())).numpy())) * scale
    lab = torch.from_numpy(rgb2lab(pixels.numpy())) * scale
    named = torch.cdist(lab.float(), anchors.float()).argmin(1)
    counts = torch.bincount(named, minlength=len(COLOR_NAMES))
    return [COLOR_NAMES[index] for index in counts.topk(2).indices]
