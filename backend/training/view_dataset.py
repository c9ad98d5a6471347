"""The rendered views on the device, and augmented training samples of them.

A sample sees an object from one of 16 azimuths, possibly mirrored and recolored, in a frame that
is rotated so that this azimuth is 0. Azimuth indices count steps of 22.5 degrees in that frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from training.mesh_rasterizer import SIZE
from training.objects import ObjectRecord
from training.render_views import RING_VIEWS, is_rotated, open_views, read_records

ORIGINAL_SHARE = 0.15  # of the objects keep their original form
FILL = 0.85  # share of the framed picture's side that the object's longer side takes


@dataclass(frozen=True)
class ViewDataset:
    """All rendered objects: the records in `forms` forms, then synthetic objects."""

    records: list[ObjectRecord]
    forms: int  # row of form f of record i: i + f * len(records)
    rgba: Tensor  # [O, 32, 128, 128, 4] uint8, premultiplied
    depth: Tensor  # [O, 32, 128, 128] float16
    normals: Tensor  # [O, 32, 128, 128, 3] int8
    elevations: Tensor  # [O, 32] degrees
    mean_colors: Tensor  # [O, 3] over the ring's views, 0..1

    def split_indices(self, split: str) -> Tensor:
        """Rows of the split's objects in their original form."""
        rows = [i for i, record in enumerate(self.records) if record.split == split]
        return torch.tensor(rows, dtype=torch.long, device=self.rgba.device)

    def random_forms(self, objects: Tensor) -> Tensor:
        """The same objects, most of them in a random form: stretched, or stretched and rotated."""
        return self._in_random_forms(objects, range(self.forms))

    def random_unrotated_forms(self, objects: Tensor) -> Tensor:
        """The same objects, most of them stretched, none rotated."""
        return self._in_random_forms(
            objects, [form for form in range(self.forms) if not is_rotated(form)]
        )

    def _in_random_forms(self, objects: Tensor, forms: Sequence[int]) -> Tensor:
        device = objects.device
        which = torch.randint(len(forms), objects.shape, device=device)
        kept = torch.rand(objects.shape, device=device) < ORIGINAL_SHARE
        form = torch.where(kept, 0, torch.tensor(forms, device=device)[which])
        return objects + len(self.records) * form

    def mix_in_synthetic(self, objects: Tensor, share: float) -> Tensor:
        """The same objects, a share of them replaced by random synthetic ones."""
        first = self.forms * len(self.records)
        if first == len(self.rgba):
            return objects
        synthetic = torch.randint_like(objects, first, len(self.rgba))
        replaced = torch.rand(objects.shape, device=objects.device) < share
        return torch.where(replaced, synthetic, objects)

    def is_synthetic(self, objects: Tensor) -> Tensor:
        """[B] bool: which of these rows are objects without a record."""
        return objects >= self.forms * len(self.records)


@dataclass(frozen=True)
class ViewSample:
    """B augmented objects, each in a frame of its own."""

    objects: Tensor  # [B] rows of the dataset
    front: Tensor  # [B] azimuth that the frame takes as 0, 0..15
    mirrored: Tensor  # [B] bool
    color_matrix: Tensor  # [B, 3, 3], applied to sRGB colors


def load_views(folder: Path, device: str) -> ViewDataset:
    arrays = open_views(folder, "c")
    tensors = (
        torch.from_numpy(a).to(device)
        for a in (arrays.rgba, arrays.depth, arrays.normals, arrays.elevations)
    )
    rgba, depth, normals, elevations = tensors
    views = (rgba, depth, normals, elevations, mean_colors(rgba))
    return ViewDataset(*read_records(folder), *views)


def mean_colors(rgba: Tensor) -> Tensor:
    """Mean colors [O, 3], 0..1, of premultiplied views [O, V, H, W, 4] uint8, over every second
    ring view.
    """
    sums = torch.cat([part.float().sum((1, 2, 3)) for part in rgba[:, :RING_VIEWS:2].split(64)])
    return sums[:, :3] / sums[:, 3:].clamp(min=1)


def identity_sample(objects: Tensor, front: Tensor) -> ViewSample:
    """Objects without augmentation, seen from azimuths `front` [B]."""
    unchanged = torch.eye(3, device=objects.device).expand(len(objects), 3, 3)
    return ViewSample(objects, front, torch.zeros_like(objects, dtype=torch.bool), unchanged)


def random_sample(objects: Tensor, recolor_share: float) -> ViewSample:
    """A random front and reflection for each; the share `recolor_share` is recolored."""
    count, device = len(objects), objects.device
    changed = torch.rand(count, 1, 1, device=device) < recolor_share
    color_matrix = torch.where(
        changed, random_color_matrices(count, device), torch.eye(3, device=device)
    )
    front = torch.randint(RING_VIEWS, (count,), device=device)
    return ViewSample(objects, front, torch.rand(count, device=device) < 0.5, color_matrix)


def random_color_matrices(count: int, device: torch.device) -> Tensor:
    """[B, 3, 3]: channels permuted, desaturated by a random amount, and darkened."""
    order = torch.rand(count, 3, device=device).argsort(1)
    exchange = F.one_hot(order, 3).float()
    gray = torch.full((3, 3), 1 / 3, device=device)
    toward = torch.rand(count, 1, 1, device=device) ** 2
    gain = 0.6 + 0.4 * torch.rand(count, 3, 1, device=device)
    return gain * torch.lerp(exchange, gray.expand_as(exchange), toward)


def _view_indices(sample: ViewSample, azimuth_index: Tensor, off_ring: Tensor) -> Tensor:
    """Which of an object's 32 views [B, C] shows an azimuth of the sample's frame; `off_ring` takes
    the view of random elevation.
    """
    azimuth = sample.front[:, None] + azimuth_index
    azimuth = torch.where(sample.mirrored[:, None], -azimuth, azimuth)
    return azimuth % RING_VIEWS + RING_VIEWS * off_ring


def _mirror(images: Tensor, sample: ViewSample) -> Tensor:
    """Images [B, C, ..., 128, 128], flipped where the object is."""
    flags = sample.mirrored.reshape(-1, *[1] * (images.dim() - 1))
    return torch.where(flags, images.flip(-1), images)


def gather_views(
    dataset: ViewDataset, sample: ViewSample, azimuth_index: Tensor, off_ring: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """RGBA [B, C, 4, 128, 128] premultiplied 0..1, depth [B, C, 128, 128] and elevations [B, C]."""
    objects, source = sample.objects[:, None], _view_indices(sample, azimuth_index, off_ring)
    rgba = dataset.rgba[objects, source].permute(0, 1, 4, 2, 3).float() / 255
    alpha = rgba[:, :, 3:]
    rgb = torch.einsum("bij,bcjhw->bcihw", sample.color_matrix, rgba[:, :, :3]).minimum(alpha)
    rgba = torch.cat([rgb, alpha], 2)
    depth = dataset.depth[objects, source].float()
    return _mirror(rgba, sample), _mirror(depth, sample), dataset.elevations[objects, source]


def ring_views(dataset: ViewDataset, sample: ViewSample) -> tuple[Tensor, Tensor]:
    """The encoder's input: RGBA [B, 4, 4, 128, 128] and depth [B, 4, 128, 128] at azimuths 0, 90,
    180, 270 degrees.
    """
    azimuth_index = torch.arange(
        0, RING_VIEWS, RING_VIEWS // 4, device=sample.objects.device
    ).expand(len(sample.objects), 4)
    rgba, depth, _ = gather_views(dataset, sample, azimuth_index, torch.zeros_like(azimuth_index))
    return rgba, depth


@dataclass(frozen=True)
class FramedPictures:
    """B cut-outs, centered and scaled, and the crops they were taken from."""

    pictures: Tensor  # [B, 4, 128, 128]: RGB on white and alpha, -1..1
    frames: Tensor  # [B, 3] crop: center x, y in -1..1 of the view, log(side / view)


def gather_pictures(
    dataset: ViewDataset, sample: ViewSample, off_ring: Tensor, shaded: Tensor
) -> tuple[FramedPictures, Tensor]:
    """Framed pictures of the fronts and their elevations [B]; `shaded` [B] get diffuse light."""
    front = torch.zeros_like(sample.front)[:, None]
    rgba, _, elevation = gather_views(dataset, sample, front, off_ring[:, None])
    normals = (
        dataset.normals[
            sample.objects, _view_indices(sample, front, off_ring[:, None])[:, 0]
        ].float()
        / 127
    )
    light = _random_light(sample, elevation[:, 0])
    shade = torch.einsum("bhwc,bc->bhw", normals, light).clamp(min=0)
    ambient, direct = 0.45 + 0.35 * torch.rand(2, len(shade), 1, 1, device=shade.device)
    shade = torch.where(shaded[:, None, None], ambient + direct * shade, torch.ones_like(shade))
    shade = _mirror(shade[:, None], sample)
    shaded_rgb = (rgba[:, 0, :3] * shade).minimum(rgba[:, 0, 3:])
    return frame_pictures(torch.cat([shaded_rgb, rgba[:, 0, 3:]], 1)), elevation[:, 0]


def _random_light(sample: ViewSample, elevation: Tensor) -> Tensor:
    """Unit vectors [B, 3] to a light above, more often on the camera's side."""
    azimuth = torch.where(sample.mirrored, -sample.front, sample.front) * (
        2 * torch.pi / RING_VIEWS
    )
    up = torch.deg2rad(elevation)
    camera = torch.stack([azimuth.sin() * up.cos(), up.sin(), azimuth.cos() * up.cos()], -1)
    spread = torch.randn_like(camera) * 0.6
    return F.normalize(camera + spread + torch.tensor([0, 0.7, 0], device=camera.device), dim=-1)


def on_white(rgba: Tensor) -> Tensor:
    """RGB of premultiplied RGBA [..., 4, H, W] on white."""
    return rgba[..., :3, :, :] + 1 - rgba[..., 3:, :, :]


def frame_pictures(rgba: Tensor) -> FramedPictures:
    """Center and scale the objects in premultiplied views [B, 4, 128, 128], as
    splatsmith.conditioning.framing does with a user's picture.
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
    return FramedPictures(torch.cat([rgb + 1 - alpha, alpha], 1) * 2 - 1, frames)


def augment_pictures(framed: FramedPictures) -> FramedPictures:
    """Half of the pictures with small errors of framing, blur, gamma per channel, and noise."""
    pictures = framed.pictures
    count, device = len(pictures), pictures.device
    theta = torch.zeros(count, 2, 3, device=device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 + 0.1 * (torch.rand(count, device=device) - 0.5)
    theta[:, :, 2] = 0.05 * (torch.rand(count, 2, device=device) - 0.5)
    reframed = F.grid_sample(
        pictures,
        F.affine_grid(theta, list(pictures.shape), align_corners=False),
        padding_mode="border",
        align_corners=False,
    )
    blurred = F.interpolate(F.avg_pool2d(reframed, 2), scale_factor=2, mode="bilinear")
    reframed = torch.lerp(reframed, blurred, torch.rand(count, 1, 1, 1, device=device))
    rgb, alpha = (reframed / 2 + 0.5).clamp(0, 1).split((3, 1), 1)
    gamma = 0.3 * torch.randn(count, 1, 1, 1, device=device) + 0.08 * torch.randn(
        count, 3, 1, 1, device=device
    )
    rgb = rgb.clamp(min=1e-3) ** gamma.exp()
    grain = 0.03 * torch.rand(count, 1, 1, 1, device=device) * torch.randn_like(rgb)
    augmented = torch.cat([(rgb + grain * alpha).clamp(0, 1), alpha], 1) * 2 - 1
    chosen = torch.rand(count, device=device) < 0.5
    return FramedPictures(
        torch.where(chosen[:, None, None, None], augmented, pictures),
        torch.where(chosen[:, None], _compose_frames(framed.frames, theta), framed.frames),
    )


def _compose_frames(frames: Tensor, theta: Tensor) -> Tensor:
    """Frames [B, 3] of crops `theta` [B, 2, 3] of crops `frames`."""
    center, log_side = frames[:, :2], frames[:, 2:]
    moved = center + log_side.exp() * theta[:, :, 2]
    return torch.cat([moved, log_side + theta[:, :1, 0].log()], 1)


def _extent(filled: Tensor) -> tuple[Tensor, Tensor]:
    """First and one past the last True of each row of [B, 128]."""
    first = filled.float().argmax(1)
    last = filled.shape[1] - filled.flip(1).float().argmax(1)
    return first, last
