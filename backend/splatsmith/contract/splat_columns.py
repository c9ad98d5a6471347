"""Which properties of a PLY file hold the Gaussians' values, whichever program wrote it.

The names are those of 3D Gaussian Splatting (Kerbl et al. 2023). CloudCompare puts "scalar_" before
what it does not know; nerfstudio and point-cloud programs write red, green and blue; 2D Gaussian
Splatting (Huang et al. 2024) has two scales, isotropic Gaussians have one; Mip-Splatting (Yu et al.
2024) adds the size of its 3D filter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .color_columns import alpha_name, brightest, color_names, full_value
from .gaussian_cloud import COEFFICIENTS, GaussianCloud
from .harmonics import SH_C0
from .ply import Block, VertexTable
from .problems import UnreadableCloud

MEANS = ("x", "y", "z")
SH0 = ("f_dc_0", "f_dc_1", "f_dc_2")
SCALES = ("scale_0", "scale_1", "scale_2")
QUATS = ("rot_0", "rot_1", "rot_2", "rot_3")
OPACITY = "opacity"

_FOREIGN_PREFIX = "scalar_"
_OTHER_NAMES = {  # letters for the axes, where the standard has numbers
    **dict(zip(SCALES, ("scale_x", "scale_y", "scale_z"), strict=True)),
    **dict(zip(QUATS, ("rot_w", "rot_x", "rot_y", "rot_z"), strict=True)),
}
_ONE_SCALE = "scale"
_FILTER = "filter_3d"
_FLATNESS = np.float32(np.log(1e-4))  # a missing third scale's share of the smaller other one


@dataclass(frozen=True)
class SplatColumns:
    """The file's names by the standard's ones.

    Attributes:
        sources: standard name to the file's name, for each value that the file has.
        degree: of the harmonics.
        colors: what stands in for sh0, if the file has plain colors: its names and their type.
        alpha: what stands in for the opacity, likewise.
        filter_3d: the standard deviation of Mip-Splatting's 3D filter.
    """

    sources: Mapping[str, str]
    degree: int
    colors: tuple[str, ...] = ()
    alpha: str | None = None
    filter_3d: str | None = None
    kinds: Mapping[str, np.dtype[np.generic]] = field(
        default_factory=dict[str, np.dtype[np.generic]]
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user on what is made up, or changed."""
        notes: list[str] = []
        if QUATS[0] not in self.sources and SCALES[1] in self.sources:
            notes.append("The file has no rotations; its Gaussians are left unturned.")
        if OPACITY not in self.sources and self.alpha is None:
            notes.append("The file has no opacities; its Gaussians are opaque.")
        if self.filter_3d:
            notes.append("The 3D filter of Mip-Splatting is fused into scales and opacities.")
        return tuple(notes)

    def complete(
        self,
        block: Block,
        scales: NDArray[np.float32],
        quats: NDArray[np.float32],
        opacities: NDArray[np.float32],
    ) -> None:
        """Fill in what the file lacks, as logarithms [N, 3], wxyz [N, 4] and logits [N]."""
        if SCALES[1] not in self.sources:
            scales[:, 1:] = scales[:, :1]
        elif SCALES[2] not in self.sources:
            scales[:, 2] = scales[:, :2].min(axis=1) + _FLATNESS
        if QUATS[0] not in self.sources:
            quats[:] = (1, 0, 0, 0)
        if OPACITY not in self.sources:
            opacities[:] = np.inf if self.alpha is None else block[self.alpha]

    def fuse_filter(
        self, block: Block, scales: NDArray[np.float32], opacities: NDArray[np.float32]
    ) -> None:
        """Apply Mip-Splatting's 3D smoothing filter to linear scales [N, 3] and opacities [N].

        Section 4.1 of the paper: covariances grow by the filter's, opacities shrink by the square
        root of the determinants' ratio.
        """
        if self.filter_3d is None:
            return
        size = block[self.filter_3d].astype(np.float64)[:, None]
        smoothed = np.sqrt(scales.astype(np.float64) ** 2 + size**2)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(smoothed > 0, scales / smoothed, 1.0)
        opacities *= shares.prod(axis=1).astype(np.float32)
        scales[:] = smoothed

    def finish(self, sh0: NDArray[np.float32], opacities: NDArray[np.float32]) -> None:
        """Turn the plain colors [N, 3] and alpha [N] of the whole file into harmonics and 0..1."""
        if self.colors:
            kind = self.kinds[self.colors[0]]
            sh0 /= full_value(kind, brightest(sh0))
            sh0 -= 0.5
            sh0 /= SH_C0
        if self.alpha is not None:
            opacities /= full_value(self.kinds[self.alpha], brightest(opacities))
            np.clip(opacities, 0, 1, out=opacities)


def columns_of(cloud: GaussianCloud) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Each property of the file with the column of `cloud` that holds it."""
    groups = ((MEANS, cloud.means), (SH0, cloud.sh0), (SCALES, cloud.scales))
    for names, array in (*groups, (QUATS, cloud.quats)):
        for i, name in enumerate(names):
            yield name, array[:, i]
    yield OPACITY, cloud.opacities
    k = cloud.shN.shape[1]
    for i in range(3 * k):  # channel-major: all of red, then green, then blue
        yield f"f_rest_{i}", cloud.shN[:, i % k, i // k]


def is_splats(table: VertexTable) -> bool:
    """Whether the vertices are Gaussians, rather than points or the corners of faces."""
    names = standard_names(table)
    return {SCALES[0], OPACITY} & set(names) != set() or any(
        name.startswith(("packed_", "f_anchor_feat")) for name in names
    )


def find_columns(table: VertexTable) -> SplatColumns:
    """Find the Gaussians' values among the properties of `table`.

    Raises:
        UnreadableCloud: it holds no Gaussians, or in a form that is not supported.
    """
    names = standard_names(table)
    _refuse_other_formats(names, table)
    colors = None if SH0[0] in names else color_names(names)
    required = (*MEANS, *(() if colors else SH0), SCALES[0])
    if missing := [name for name in required if name not in names]:
        raise UnreadableCloud(
            f"{table.path.name} is not a splat file: its points have no {missing[0]!r}.",
            "Choose a PLY file of 3D Gaussian splats.",
        )
    degree = _degree(names, table)
    alpha = None if OPACITY in names else alpha_name(names)
    plain = (*(colors or ()), *((alpha,) if alpha else ()))
    rest = tuple(f"f_rest_{i}" for i in range(3 * COEFFICIENTS[degree]))
    wanted = (*MEANS, *SH0, *rest, OPACITY, *SCALES, *QUATS)
    sources = {name: names[name] for name in wanted if name in names}
    return SplatColumns(
        sources | dict(zip(SH0, [names[name] for name in colors or ()], strict=False)),
        degree,
        tuple(names[name] for name in colors or ()),
        names[alpha] if alpha else None,
        names.get(_FILTER),
        {names[name]: table.kind(names[name]) for name in plain},
    )


def standard_names(table: VertexTable) -> dict[str, str]:
    """The file's names by the standard's."""
    given = {name.lower(): name for name in reversed(table.names)}
    names = {n.removeprefix(_FOREIGN_PREFIX): name for n, name in given.items()} | given
    if _ONE_SCALE in names:
        names.setdefault(SCALES[0], names[_ONE_SCALE])
    for standard, other in _OTHER_NAMES.items():
        if other in names:
            names.setdefault(standard, names[other])
    return names


def _refuse_other_formats(names: Mapping[str, str], table: VertexTable) -> None:
    if "packed_position" in names:
        raise UnreadableCloud(
            f"{table.path.name} is a compressed PLY file, which is not supported.",
            "Convert it to a plain splat PLY file.",
        )
    if any(name.startswith("f_anchor_feat") for name in names):
        raise UnreadableCloud(
            f"{table.path.name} holds the anchors of Scaffold-GS, of which a network makes splats.",
            "Export the splats themselves.",
        )
    for group in (SCALES, QUATS, SH0):
        found = [name in names for name in group]
        gap = False in found and True in found[found.index(False) :]
        if gap or (any(found) and not all(found) and group is not SCALES):
            raise UnreadableCloud(
                f"{table.path.name} has no {group[found.index(False)]!r} beside its others.",
                "Export it again.",
            )


def _degree(names: Mapping[str, str], table: VertexTable) -> int:
    rest = sum(name.startswith("f_rest_") for name in names)
    degrees = {3 * count: degree for degree, count in COEFFICIENTS.items()}
    if rest not in degrees or (rest and f"f_rest_{rest - 1}" not in names):
        raise UnreadableCloud(
            f"{table.path.name} has {rest} f_rest properties.",
            "A splat file has 0, 9, 24, 45 or 72, numbered from 0.",
        )
    return degrees[rest]
