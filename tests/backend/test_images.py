"""Pictures of every kind become upright RGBA; everything else is refused with a reason."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from splatsmith.contract.wire import MAX_PREVIEW_BYTES
from splatsmith.errors import UnreadablePicture
from splatsmith.images import MAX_DECODED_SIDE, MAX_SIDE, PREVIEW_SIDE, encode_preview, read_picture

RED = (200, 30, 20)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header alone says how large it is."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))
        for tag, body in chunks
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"])
def test_common_formats_keep_their_colour(kind: str) -> None:
    pixels = read_picture(encode(Image.new("RGB", (40, 30), RED), kind))

    assert pixels.shape == (30, 40, 4)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels[15, 20, :3].astype(int) - RED).max() <= 6
    assert (pixels[..., 3] == 255).all()


def test_a_file_is_read_by_its_content_not_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "a picture ‘ü’.png"
    path.write_bytes(encode(Image.new("RGB", (8, 8), RED), "JPEG"))

    assert read_picture(path).shape == (8, 8, 4)


def test_cmyk_becomes_rgb() -> None:
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))

    red, green, blue, _ = read_picture(encode(cyan, "JPEG"))[8, 8]

    assert red < 60 < 150 < min(green, blue)


def test_sixteen_bit_grey_keeps_its_brightness() -> None:
    grey = Image.fromarray(np.full((8, 8), 0x8000, np.uint16))

    assert (read_picture(encode(grey))[..., :3] == 128).all()


def test_palette_transparency_becomes_alpha() -> None:
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([0, 0, 0, *RED])
    palette.putpixel((1, 1), 1)

    pixels = read_picture(encode(palette, transparency=0))

    assert pixels[0, 0, 3] == 0
    assert tuple(pixels[1, 1]) == (*RED, 255)


def test_the_first_frame_of_an_animation_is_used() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("white", "black")]
    animation = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])

    assert (read_picture(animation)[..., 0] == 255).all()


def test_exif_orientation_is_applied() -> None:
    image = Image.new("RGB", (20, 10), "black")
    image.paste("white", (0, 0, 10, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright

    pixels = read_picture(encode(image, "JPEG", exif=exif, quality=95))

    assert pixels.shape[:2] == (20, 10)
    assert pixels[3, 5, 0] > 200 > 50 > pixels[16, 5, 0]


def test_embedded_icc_profile_is_converted_to_srgb() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.new("RGB", (4, 4), RED)

    pixels = read_picture(encode(image, icc_profile=profile))

    assert np.abs(pixels[0, 0, :3].astype(int) - RED).max() <= 2


def test_broken_icc_profile_is_ignored() -> None:
    image = Image.new("RGB", (4, 4), RED)

    assert tuple(read_picture(encode(image, icc_profile=b"nonsense"))[0, 0, :3]) == RED


def test_large_pictures_are_scaled_down_in_proportion() -> None:
    pixels = read_picture(encode(Image.new("RGB", (3000, 1500), RED)))

    assert pixels.shape == (MAX_DECODED_SIDE // 2, MAX_DECODED_SIDE, 4)


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_photos_of_over_a_hundred_megapixels_are_decoded_smaller(
    options: dict[str, bool],
) -> None:
    photo = Image.new("L", (12_000, 9_000), 200)
    photo.paste(40, (0, 0, 6_000, 9_000))

    pixels = read_picture(encode(photo, "JPEG", **options))

    assert pixels.shape == (MAX_DECODED_SIDE * 3 // 4, MAX_DECODED_SIDE, 4)
    assert tuple(pixels[700, 500, :3]) == (40, 40, 40)
    assert tuple(pixels[700, 1500, :3]) == (200, 200, 200)


def jpeg_of_size(width: int, height: int) -> bytes:
    """A small JPEG whose header says another size."""
    content = bytearray(encode(Image.new("L", (8, 8), 128), "JPEG"))
    start = content.index(b"\xff\xc0") + 5
    content[start : start + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(content)


@pytest.mark.parametrize("size", [(60_000, 60_000), (20_000, 12_900)])
def test_larger_jpegs_are_refused_by_their_size(size: tuple[int, int]) -> None:
    with pytest.raises(UnreadablePicture, match=f"too large: {size[0]:,} x {size[1]:,}"):
        read_picture(jpeg_of_size(*size))


def test_pillows_own_limit_stands_for_others() -> None:
    before = Image.MAX_IMAGE_PIXELS
    read_picture(encode(Image.new("RGB", (8, 8), RED)))
    assert before == Image.MAX_IMAGE_PIXELS and before


def test_scaling_down_takes_no_colour_from_transparent_pixels() -> None:
    picture = np.zeros((64, 4096, 4), np.uint8)
    picture[:, ::2] = (*RED, 255)

    pixels = read_picture(encode(Image.fromarray(picture)))

    assert np.abs(pixels[..., :3].astype(int) - RED).max() <= 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a picture"),
        (b"hello, I am text", "is not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is not a picture"),
        (encode(Image.new("RGB", (64, 64), RED))[:120], "damaged or cut off"),
        (encode(Image.effect_noise((64, 64), 50), "JPEG")[:900], "damaged or cut off"),
        (png_of_size(MAX_SIDE + 1, 4), "too large: 16,385 x 4"),
        (png_of_size(30_000, 20), "too large"),
        (png_of_size(10_000, 10_000), "too large"),
        (png_of_size(10_000, 9_500), "too large: 10,000 x 9,500"),  # more than Pillow warns of
        (png_of_size(60_000, 60_000), "too large: 60,000 x 60,000"),
        (encode(Image.new("RGBA", (8, 8), (9, 9, 9, 0))), "fully transparent"),
        (encode(Image.new("F", (8, 8), 0.5), "TIFF"), "floating-point"),
    ],
)
def test_unusable_pictures_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadablePicture, match=reason) as caught:
        read_picture(content)
    assert caught.value.remedy


def test_a_picture_of_no_pixels_is_refused() -> None:
    with pytest.raises(UnreadablePicture, match="without pixels"):
        read_picture(png_of_size(0, 0))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePicture, match=r"There is no picture .*gone\.png"):
        read_picture(tmp_path / "gone.png")


def test_preview_is_a_small_jpeg_even_of_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (500, 1000, 3), np.uint8)

    preview = encode_preview(noise)

    assert preview.media_type == "image/jpeg"
    assert len(preview.content) <= MAX_PREVIEW_BYTES
    with Image.open(BytesIO(preview.content)) as image:
        assert image.size == (PREVIEW_SIDE, PREVIEW_SIDE // 2)
