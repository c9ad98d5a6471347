"""DiffSplat's catalogue: which requests need what, and the layout of the published repository."""

from __future__ import annotations

import json

import pytest

from splatsmith.contract.cards import Checkpoint, ConditionKind, Variant
from splatsmith.contract.tensor_layouts import TensorSignature
from splatsmith.engines.diffsplat.published_checkpoints import (
    BLOB_PARAMETER,
    DIFFSPLAT,
    ELEVATION_PARAMETER,
    OPENRAIL_M,
    PIXART_CHECKPOINTS,
    SD15_CHECKPOINTS,
    SD15_CONTROL_NETS,
    SD15_GSVAE,
    SD15_IMAGE,
    SD15_TEXT,
    SD35_CHECKPOINTS,
    SD35_T5,
    T5_PARAMETER,
)
from splatsmith.errors import WeightsDamaged
from splatsmith.progress import silent
from splatsmith.weights import files_of
from splatsmith.weights.download import download
from splatsmith.weights.hub import Hub
from splatsmith.weights.licences import accept
from tests.backend.weights.mirror import Mirror

TEXT, IMAGE = frozenset({ConditionKind.TEXT}), frozenset({ConditionKind.IMAGE})
DEFAULTS = {T5_PARAMETER: False, ELEVATION_PARAMETER: False, BLOB_PARAMETER: False}
ALL = {c.id: c for c in (*SD15_CHECKPOINTS, *PIXART_CHECKPOINTS, *SD35_CHECKPOINTS)}.values()


def needed(
    checkpoints: tuple[Checkpoint, ...], given: frozenset[ConditionKind], **more: bool
) -> str:
    variant = Variant("any", "Any", tuple(ConditionKind), checkpoints=checkpoints)
    return " ".join(sorted(c.id for c in variant.required_checkpoints(given, {**DEFAULTS, **more})))


def test_text_alone_needs_no_image_encoder() -> None:
    assert needed(SD15_CHECKPOINTS, TEXT) == (
        "diffsplat-gsvae-sd diffsplat-sd15-text sd15-text-encoder"
    )


def test_a_picture_changes_the_denoiser() -> None:
    with_both = needed(SD15_CHECKPOINTS, TEXT | IMAGE)
    assert with_both == needed(SD15_CHECKPOINTS, IMAGE)
    assert with_both == ("diffsplat-gsvae-sd diffsplat-sd15-image sd15-text-encoder sd15-vae")


def test_a_blob_needs_the_image_encoder_too() -> None:
    with_blob = needed(SD15_CHECKPOINTS, TEXT, **{BLOB_PARAMETER: True})
    assert with_blob == "diffsplat-gsvae-sd diffsplat-sd15-text sd15-text-encoder sd15-vae"


def test_what_is_optional_is_needed_when_it_is_chosen() -> None:
    assert SD35_T5.id not in needed(SD35_CHECKPOINTS, TEXT)
    assert SD35_T5.id in needed(SD35_CHECKPOINTS, TEXT, **{T5_PARAMETER: True})
    estimated = needed(PIXART_CHECKPOINTS, IMAGE, **{ELEVATION_PARAMETER: True})
    assert "diffsplat-elevest" in estimated
    depth = needed(SD15_CHECKPOINTS, TEXT | {ConditionKind.DEPTH})
    assert [c for c in SD15_CONTROL_NETS.values() if c.id in depth] == [
        SD15_CONTROL_NETS[ConditionKind.DEPTH]
    ]


def test_ids_are_unique_and_every_checkpoint_is_told_by_a_mark() -> None:
    assert len({c.id for c in ALL}) == len(ALL) == 20
    assert all(any(file.signatures for file in c.files) for c in ALL)


def test_what_comes_of_a_base_model_stands_under_its_licence() -> None:
    assert SD15_TEXT.licence is OPENRAIL_M
    assert {c.repository for c in ALL if c.gated} == {"stabilityai/stable-diffusion-3.5-medium"}


def empty_weights(*signatures: TensorSignature) -> bytes:
    """A safetensors file with these tensors, one byte a number."""
    header: dict[str, object] = {}
    end = 0
    for signature in signatures:
        start = end
        for side in signature.shape:
            end = (end - start or 1) * side + start
        header[signature.name] = {
            "dtype": "U8",
            "shape": signature.shape,
            "data_offsets": [start, end],
        }
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(end)


@pytest.fixture
def published(mirror: Mirror) -> dict[str, bytes]:
    """The repository as its authors laid it out, with what inference does not need beside it."""
    unet, gsvae = SD15_TEXT.files[1].signatures, SD15_GSVAE.files[0].signatures
    text = "gsdiff_gobj83k_sd15__render/checkpoints/013020"
    decoder = "gsvae_gobj265k_sd/checkpoints/000010"
    files = {
        "README.md": b"DiffSplat",
        f"{text}/optimizer.bin": b"state",
        f"{text}/unet_ema/config.json": b"{}",
        f"{text}/unet_ema/diffusion_pytorch_model.safetensors": empty_weights(*unet),
        f"{decoder}/model.safetensors": empty_weights(*gsvae),
        f"{decoder}/optimizer.bin": b"state",
    }
    mirror.repositories[DIFFSPLAT] = files
    accept([OPENRAIL_M])
    return files


def test_the_official_layout_is_understood(hub: Hub, published: dict[str, bytes]) -> None:
    download([SD15_TEXT, SD15_GSVAE], hub, silent())

    (weights,) = files_of(SD15_TEXT, SD15_TEXT.files[1].path)
    assert weights.name == "diffusion_pytorch_model.safetensors"
    (decoder,) = files_of(SD15_GSVAE, SD15_GSVAE.files[0].path)
    assert decoder.parent.name == "000010"
    assert not list(hub.cache.rglob("optimizer.bin"))


def test_the_text_variants_network_is_not_taken_for_the_picture_ones(
    hub: Hub, published: dict[str, bytes]
) -> None:
    for path in list(published):
        published[path.replace("sd15__render", "sd15_image__render")] = published[path]

    with pytest.raises(WeightsDamaged, match="320 x 10 x 3 x 3, not 320 x 11 x 3 x 3"):
        download([SD15_IMAGE], hub, silent())
