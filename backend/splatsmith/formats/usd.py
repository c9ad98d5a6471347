"""USD's ParticleField3DGaussianSplat, through usd-core, which is imported where it is used.

Every such prim is read, placed as its parents say, at the first time that the file has. Attributes
are floats or halves; harmonics stand Gaussian by Gaussian, the constant one first.
"""

# pyright: reportAttributeAccessIssue=false
# usd-core has no types.

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..contract.cloud import MAX_DEGREE, GaussianCloud, empty_cloud
from ..contract.files import atomic_write
from ..contract.problems import UnreadableCloud
from ..contract.transform import apply_affine
from ..contract.up_axis import UpAxis
from ..progress import Progress
from .decoded import DecodedSplats
from .limits import check_count, damaged
from .merging import merged

if TYPE_CHECKING:
    from pxr import Usd, UsdVol

TYPE_NAME = "ParticleField3DGaussianSplat"
TEXT_SUFFIX, CRATE_SUFFIX, PACKAGE_SUFFIX = ".usda", ".usdc", ".usdz"
PRIM = "/Splats"
_SUFFIXES = {b"PXR-": CRATE_SUFFIX, b"#usd": TEXT_SUFFIX, b"PK\3\4": PACKAGE_SUFFIX}


def read(path: Path, progress: Progress) -> DecodedSplats:
    """The Gaussians of a USD file.

    Raises:
        UnreadableCloud: it holds none, is cut off, damaged, or refers to other files.
    """
    from pxr import Tf, UsdGeom

    try:
        with _with_suffix(path) as named:
            stage = _open(named, path)
            clouds = list(_placed_clouds(stage, path, progress))
            up = UpAxis.Z if UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.z else UpAxis.Y
            del stage  # it has the file open
    except (Tf.ErrorException, RuntimeError) as error:
        raise damaged(path, f"USD cannot read it ({str(error).strip()[:120]})") from error
    if not clouds:
        raise UnreadableCloud(
            f"{path.name} is a USD file without Gaussian splats ({TYPE_NAME}).",
            "Choose another file.",
        )
    return DecodedSplats(merged(clouds), up)


def write(path: Path, cloud: GaussianCloud, up: UpAxis, progress: Progress) -> None:
    """Write `cloud`, in the file's axes, as text if the name ends in .usda, else as a crate.

    `up` is Y or Z: USD knows no other.
    """
    from pxr import Sdf, Usd, UsdGeom, UsdVol

    layer = Sdf.Layer.CreateAnonymous(TEXT_SUFFIX)
    stage = Usd.Stage.Open(layer)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z if up is UpAxis.Z else UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    splats = UsdVol.ParticleField3DGaussianSplat.Define(stage, PRIM)
    stage.SetDefaultPrim(splats.GetPrim())
    _author(splats, cloud)
    progress.step(1, 2)
    kind = TEXT_SUFFIX if path.suffix.lower() == TEXT_SUFFIX else CRATE_SUFFIX
    with atomic_write(path) as part, tempfile.TemporaryDirectory(dir=path.parent) as folder:
        named = Path(folder) / f"splats{kind}"  # usd-core chooses the format by the suffix
        layer.Export(str(named))
        named.replace(part)


@contextmanager
def _with_suffix(path: Path) -> Iterator[Path]:
    """`path` under a name that ends as usd-core wants its content to be called."""
    with path.open("rb") as file:
        suffix = _SUFFIXES.get(file.read(4), "")
    if path.suffix.lower() == suffix or not suffix:
        yield path
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        named = Path(folder) / f"splats{suffix}"
        try:
            named.symlink_to(path.absolute())
        except OSError:  # Windows lets not everybody
            shutil.copyfile(path, named)
        yield named


def _open(named: Path, path: Path) -> Usd.Stage:
    """A stage of this file alone: others, which it may refer to, are not opened."""
    from pxr import Sdf, Usd

    layer = Sdf.Layer.FindOrOpen(str(named))
    if layer is None:
        raise damaged(path, "USD cannot read it")
    if layer.GetCompositionAssetDependencies():
        raise UnreadableCloud(
            f"{path.name} refers to other USD files.", "Flatten it, so that it is one file."
        )
    return Usd.Stage.Open(layer)


def _placed_clouds(stage: Usd.Stage, path: Path, progress: Progress) -> Iterator[GaussianCloud]:
    from pxr import Usd, UsdGeom, UsdVol

    transforms = UsdGeom.XformCache(Usd.TimeCode.EarliestTime())
    prims = Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies())
    fields = [prim for prim in prims if prim.IsA(UsdVol.ParticleField3DGaussianSplat)]
    for i, prim in enumerate(fields):
        progress.step(i, len(fields))
        cloud = _read_prim(UsdVol.ParticleField3DGaussianSplat(prim), path)
        matrix = np.array(transforms.GetLocalToWorldTransform(prim)).T  # USD has rows
        yield cloud if np.array_equal(matrix, np.eye(4)) else apply_affine(cloud, matrix)


def _read_prim(splats: UsdVol.ParticleField3DGaussianSplat, path: Path) -> GaussianCloud:
    from pxr import Usd

    means = _values(splats.GetPositionsAttr(), splats.GetPositionshAttr(), 3)
    count = len(means)
    check_count(path, count)
    degree = splats.GetRadianceSphericalHarmonicsDegreeAttr().Get(Usd.TimeCode.EarliestTime())
    harmonics = _values(
        splats.GetRadianceSphericalHarmonicsCoefficientsAttr(),
        splats.GetRadianceSphericalHarmonicsCoefficientshAttr(),
        3,
    )
    if not 0 <= degree <= MAX_DEGREE:
        raise damaged(path, f"its harmonics are of degree {degree}")
    if not len(harmonics):  # the schema's fallback: grey
        degree, harmonics = 0, np.zeros((count, 3), np.float32)
    others = {
        "scales": _values(splats.GetScalesAttr(), splats.GetScaleshAttr(), 3),
        "quats": _values(splats.GetOrientationsAttr(), splats.GetOrientationshAttr(), 4),
        "opacities": _values(splats.GetOpacitiesAttr(), splats.GetOpacitieshAttr(), 1),
    }
    coefficients = (degree + 1) ** 2
    if wrong := [name for name, values in others.items() if len(values) not in (0, count)]:
        raise damaged(path, f"its {wrong[0]} are not as many as its positions")
    if len(harmonics) != count * coefficients:
        raise damaged(path, "its harmonics are not as many as its positions and its degree ask for")
    cloud = empty_cloud(count, degree)
    cloud.means[:] = means
    cloud.scales[:] = others["scales"] if len(others["scales"]) else 1
    cloud.quats[:] = others["quats"] if len(others["quats"]) else (1, 0, 0, 0)
    cloud.opacities[:] = others["opacities"][:, 0] if len(others["opacities"]) else 1
    by_gaussian = harmonics.reshape(count, coefficients, 3)
    cloud.sh0[:], cloud.shN[:] = by_gaussian[:, 0], by_gaussian[:, 1:]
    return cloud


def _values(attribute: Usd.Attribute, half: Usd.Attribute, width: int) -> NDArray[np.float32]:
    """[N, width] of the attribute in floats, else of the one in halves; quaternions wxyz."""
    from pxr import Usd

    for each in (attribute, half):
        value = each.Get(Usd.TimeCode.EarliestTime())
        if value is not None and len(value):
            values = np.array(value, np.float32).reshape(len(value), width)
            return np.roll(values, 1, axis=1) if width == 4 else values  # numpy gets xyzw
    return np.empty((0, width), np.float32)


def _author(splats: UsdVol.ParticleField3DGaussianSplat, cloud: GaussianCloud) -> None:
    from pxr import Vt

    floats = np.ascontiguousarray
    splats.CreatePositionsAttr(Vt.Vec3fArray.FromNumpy(floats(cloud.means)))
    splats.CreateScalesAttr(Vt.Vec3fArray.FromNumpy(floats(cloud.scales)))
    imaginary_first = floats(np.roll(cloud.quats, -1, axis=1))
    splats.CreateOrientationsAttr(Vt.QuatfArray.FromNumpy(imaginary_first))
    splats.CreateOpacitiesAttr(Vt.FloatArray.FromNumpy(floats(cloud.opacities)))
    harmonics = np.concatenate([cloud.sh0[:, None], cloud.shN], axis=1).reshape(-1, 3)
    splats.CreateRadianceSphericalHarmonicsDegreeAttr(cloud.degree)
    splats.CreateRadianceSphericalHarmonicsCoefficientsAttr(
        Vt.Vec3fArray.FromNumpy(floats(harmonics))
    )
    reach = 3 * cloud.scales.max(axis=1, keepdims=True)
    bounds = np.stack([(cloud.means - reach).min(axis=0), (cloud.means + reach).max(axis=0)])
    splats.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(floats(bounds)))
    splats.CreateDisplayColorPrimvar("vertex").Set(Vt.Vec3fArray.FromNumpy(_linear(cloud)))


def _linear(cloud: GaussianCloud) -> NDArray[np.float32]:
    """The view-independent colors [N, 3], linear, for viewers that show points."""
    srgb = cloud.colors
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype("f4")
