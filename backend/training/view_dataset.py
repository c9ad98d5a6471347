"""The drawn views on the device, and how training samples are taken from them.

A sample looks at an object from one of 16 azimuths, perhaps in a mirror and with other colours.
Its frame is turned so that this azimuth is 0. "place" counts azimuths in that frame, in 22.5
degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from training.objects import ObjectRecord
from training.render_views import RING, SIZE, is_turned, open_views, read_records

AS_IT_IS = 0.15  # of the objects are never exchanged for a stretched form
FILL = 0.85  # of the framed picture's side is taken by the object's longer side


@dataclass(frozen=True)
class ViewBank:
    """Everything drawn: the records, stretched copies of them, invented objects."""

    records: list[ObjectRecord]
    forms: int
    rgba: Tensor  # [O, 32, 128, 128, 4] uint8, premultiplied
    depth: Tensor  # [O, 32, 128, 128] float16
    normals: Tensor  # [O, 32, 128, 128, 3] int8
    elevations: Tensor  # [O, 32] degrees
    colours: Tensor  # [O, 3] means over the ring's views, 0..1

    def members(self, split: str) -> Tensor:
        """Numbers of the split's objects, without stretched copies."""
        chosen = [i for i, record in enumerate(self.records) if record.split == split]
        return torch.tensor(chosen, dtype=torch.long, device=self.rgba.device)

    def copies(self, objects: Tensor) -> Tensor:
        """The same objects, most of them stretched, or stretched and turned, in one of the drawn
        ways.
        """
        return self._exchanged(objects, range(self.forms))

    def straight_copies(self, objects: Tensor) -> Tensor:
        """The same objects, most of them stretched; they still face the front."""
        return self._exchanged(objects, [form for form in range(self.forms) if not is_turned(form)])

    def _exchanged(self, objects: Tensor, forms: Sequence[int]) -> Tensor:
        device = objects.device
        which = torch.randint(len(forms), objects.shape, device=device)
        kept = torch.rand(objects.shape, device=device) < AS_IT_IS
        form = torch.where(kept, 0, torch.tensor(forms, device=device)[which])
        return objects + len(self.records) * form

    def with_invented(self, objects: Tensor, share: float) -> Tensor:
        """The same objects, a share of them exchanged for invented ones."""
        first = self.forms * len(self.records)
        if first == len(self.rgba):
            return objects
        invented = torch.randint_like(objects, first, len(self.rgba))
        return torch.where(
            torch.rand(objects.shape, device=objects.device) < share, invented, objects
        )

    def is_invented(self, objects: Tensor) -> Tensor:
        """[B] bool: which of these numbers are objects without a record."""
        return objects >= self.forms * len(self.records)


@dataclass(frozen=True)
class Sample:
    """B objects, each seen in a frame of its own."""

    objects: Tensor  # [B]
    turn: Tensor  # [B], azimuth of the frame's front, 0..15
    mirrored: Tensor  # [B] bool
    recolour: Tensor  # [B, 3, 3], applied to colours


def load_views(folder: Path, device: str) -> ViewBank:
    arrays = open_views(folder, "c")
    tensors = (
        torch.from_numpy(a).to(device)
        for a in (arrays.rgba, arrays.depth, arrays.normals, arrays.elevations)
    )
    rgba, depth, normals, elevations = tensors
    views = (rgba, depth, normals, elevations, mean_colours(rgba))
    return ViewBank(*read_records(folder), *views)


def mean_colours(rgba: Tensor) -> Tensor:
    """Mean colours [O, 3], 0..1, of premultiplied views [O, V, H, W, 4] uint8, over every second
    ring view.
    """
    sums = torch.cat([part.float().sum((1, 2, 3)) for part in rgba[:, :RING:2].split(64)])
    return sums[:, :3] / sums[:, 3:].clamp(min=1)


def plain_sample(objects: Tensor, turn: Tensor) -> Sample:
    """Objects as they are, seen from `turn`."""
    unchanged = torch.eye(3, device=objects.device).expand(len(objects), 3, 3)
    return Sample(objects, turn, torch.zeros_like(objects, dtype=torch.bool), unchanged)


def random_sample(objects: Tensor, recoloured: float) -> Sample:
    """A random turn and mirror for each; a share `recoloured` gets other colours."""
    count, device = len(objects), objects.device
    changed = torch.rand(count, 1, 1, device=device) < recoloured
    recolour = torch.where(changed, random_recolouring(count, device), torch.eye(3, device=device))
    turn = torch.randint(RING, (count,), device=device)
    return Sample(objects, turn, torch.rand(count, device=device) < 0.5, recolour)


def random_recolouring(count: int, device: torch.device) -> Tensor:
    """[B, 3, 3]: channels exchanged, part of the way to gray, made lighter or darker."""
    order = torch.rand(count, 3, device=device).argsort(1)
    exchange = F.one_hot(order, 3).float()
    gray = torch.full((3, 3), 1 / 3, device=device)
    toward = torch.rand(count, 1, 1, device=device) ** 2
    gain = 0.6 + 0.4 * torch.rand(count, 3, 1, device=device)
    return gain * torch.lerp(exchange, gray.expand_as(exchange), toward)


def _source(sample: Sample, place: Tensor, raised: Tensor) -> Tensor:
    """Which drawn view [B, C] shows the frame's azimuth `place`; `raised` takes the random
    elevation.
    """
    azimuth = sample.turn[:, None] + place
    azimuth = torch.where(sample.mirrored[:, None], -azimuth, azimuth)
    return azimuth % RING + RING * raised


def _mirror(images: Tensor, sample: Sample) -> Tensor:
    """Images [B, C, ..., 128, 128], flipped where the object is."""
    flags = sample.mirrored.reshape(-1, *[1] * (images.dim() - 1))
    return torch.where(flags, images.flip(-1), images)


def take_views(
    bank: ViewBank, sample: Sample, place: Tensor, raised: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """RGBA [B, C, 4, 128, 128] premultiplied 0..1, depth [B, C, 128, 128] and elevations [B, C]."""
    objects, source = sample.objects[:, None], _source(sample, place, raised)
    rgba = bank.rgba[objects, source].permute(0, 1, 4, 2, 3).float() / 255
    alpha = rgba[:, :, 3:]
    rgb = torch.einsum("bij,bcjhw->bcihw", sample.recolour, rgba[:, :, :3]).minimum(alpha)
    rgba = torch.cat([rgb, alpha], 2)
    depth = bank.depth[objects, source].float()
    return _mirror(rgba, sample), _mirror(depth, sample), bank.elevations[objects, source]


def ring_views(bank: ViewBank, sample: Sample) -> tuple[Tensor, Tensor]:
    """What the encoder sees: RGBA [B, 4, 4, 128, 128] and depth [B, 4, 128, 128] at 0, 90, 180,
    270 degrees.
    """
    place = torch.arange(0, RING, RING // 4, device=sample.objects.device).expand(
        len(sample.objects), 4
    )
    rgba, depth, _ = take_views(bank, sample, place, torch.zeros_like(place))
    return rgba, depth


@dataclass(frozen=True)
class Framed:
    """Cut-outs of B pictures, and where they lay in them."""

    pictures: Tensor  # [B, 4, 128, 128]: RGB on white and alpha, -1..1
    frames: Tensor  # [B, 3], see splatsmith.engines.sprout.model.DenoiserInputs.frame


def take_pictures(
    bank: ViewBank, sample: Sample, raised: Tensor, lit: Tensor
) -> tuple[Framed, Tensor]:
    """Framed pictures of the fronts and their elevations [B]; `lit` [B] gets soft light."""
    front = torch.zeros_like(sample.turn)[:, None]
    rgba, _, elevation = take_views(bank, sample, front, raised[:, None])
    normals = (
        bank.normals[sample.objects, _source(sample, front, raised[:, None])[:, 0]].float() / 127
    )
    light = _random_light(sample, elevation[:, 0])
    shade = torch.einsum("bhwc,bc->bhw", normals, light).clamp(min=0)
    ambient, direct = 0.45 + 0.35 * torch.rand(2, len(shade), 1, 1, device=shade.device)
    shade = torch.where(lit[:, None, None], ambient + direct * shade, torch.ones_like(shade))
    shade = _mirror(shade[:, None], sample)
    lit_rgb = (rgba[:, 0, :3] * shade).minimum(rgba[:, 0, 3:])
    return frame_pictures(torch.cat([lit_rgb, rgba[:, 0, 3:]], 1)), elevation[:, 0]


def _random_light(sample: Sample, elevation: Tensor) -> Tensor:
    """Directions [B, 3] towards a light: anywhere above, rather on the camera's side."""
    azimuth = torch.where(sample.mirrored, -sample.turn, sample.turn) * (2 * torch.pi / RING)
    up = torch.deg2rad(elevation)
    camera = torch.stack([azimuth.sin() * up.cos(), up.sin(), azimuth.cos() * up.cos()], -1)
    spread = torch.randn_like(camera) * 0.6
    return F.normalize(camera + spread + torch.tensor([0, 0.7, 0], device=camera.device), dim=-1)


def on_white(rgba: Tensor) -> Tensor:
    """RGB of premultiplied RGBA [..., 4, H, W] on white."""
    return rgba[..., :3, :, :] + 1 - rgba[..., 3:, :, :]


def frame_pictures(rgba: Tensor) -> Framed:
    """Centre the cut-outs of views [B, 4, 128, 128] (premultiplied).

    The same as splatsmith.conditioning.framing does with a user's picture.
    """
    opaque = rgba[:, 3] > 0.5
    left, right = _extent(opaque.any(1))
    top, bottom = _extent(opaque.any(2))
    scale = torch.maximum(right - left, bottom - top).clamp(min=4) / FILL / SIZE
    theta = torch.zeros(len(rgba), 2, 3, device=rgba.device)
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    theta[:, 0, 2], theta[:, 1, 2] = (left + right) / SIZE - 1, (top + bottom) / SIZE - 1
    framed = F.grid_sample(
        rgba, F.affine_grid(theta, list(rgba.shape), align_corners=False), align_corners=False
    )
    rgb, alpha = framed[:, :3], framed[:, 3:]
    frames = torch.cat([theta[:, :, 2], scale.log()[:, None]], 1)
    return Framed(torch.cat([rgb + 1 - alpha, alpha], 1) * 2 - 1, frames)


def worn_pictures(framed: Framed) -> Framed:
    """Pictures as users bring them: half of them are framed a little off, softened, tinted by
    their light, or grainy.
    """
    pictures = framed.pictures
    count, device = len(pictures), pictures.device
    theta = torch.zeros(count, 2, 3, device=device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 + 0.1 * (torch.rand(count, device=device) - 0.5)
    theta[:, :, 2] = 0.05 * (torch.rand(count, 2, device=device) - 0.5)
    moved = F.grid_sample(
        pictures,
        F.affine_grid(theta, list(pictures.shape), align_corners=False),
        padding_mode="border",
        align_corners=False,
    )
    coarse = F.interpolate(F.avg_pool2d(moved, 2), scale_factor=2, mode="bilinear")
    moved = torch.lerp(moved, coarse, torch.rand(count, 1, 1, 1, device=device))
    rgb, alpha = (moved / 2 + 0.5).clamp(0, 1).split((3, 1), 1)
    bend = 0.3 * torch.randn(count, 1, 1, 1, device=device) + 0.08 * torch.randn(
        count, 3, 1, 1, device=device
    )
    rgb = rgb.clamp(min=1e-3) ** bend.exp()
    grain = 0.03 * torch.rand(count, 1, 1, 1, device=device) * torch.randn_like(rgb)
    worn = torch.cat([(rgb + grain * alpha).clamp(0, 1), alpha], 1) * 2 - 1
    chosen = torch.rand(count, device=device) < 0.5
    return Framed(
        torch.where(chosen[:, None, None, None], worn, pictures),
        torch.where(chosen[:, None], _moved_frames(framed.frames, theta), framed.frames),
    )


def _moved_frames(frames: Tensor, theta: Tensor) -> Tensor:
    """Where cut-outs lie after another has been made of them by `theta` [B, 2, 3]."""
    middle, side = frames[:, :2], frames[:, 2:]
    moved = middle + side.exp() * theta[:, :, 2]
    return torch.cat([moved, side + theta[:, :1, 0].log()], 1)


def _extent(filled: Tensor) -> tuple[Tensor, Tensor]:
    """First and one past the last True of each row of [B, 128]."""
    first = filled.float().argmax(1)
    last = filled.shape[1] - filled.flip(1).float().argmax(1)
    return first, last
