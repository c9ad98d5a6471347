"""Artifact names: scripts, HTTP clients and older folders rely on them."""

from __future__ import annotations

import pytest

from splatsmith.contract.artifacts import MEDIA_TYPES, PRODUCT_FILES, turntable_file
from splatsmith.contract.protocol import Product
from splatsmith.contract.turntables import Turntable


def test_names_and_their_order_are_fixed() -> None:
    assert list(MEDIA_TYPES) == [
        "splats.ply",
        "splats.compressed.ply",
        "splats.splat",
        "splats.ksplat",
        "splats.spz",
        "splats.sog",
        "splats.glb",
        "splats.usdc",
        "points.ply",
        "mesh.glb",
        "preview.png",
        "prepared.png",
        "turntable.webp",
        "turntable.mp4",
        "turntable.gif",
        "growing.webp",
        "growing.mp4",
        "growing.gif",
        "swing.webp",
        "swing.mp4",
        "swing.gif",
        "job.json",
    ]


@pytest.mark.parametrize("product", Product)
def test_every_product_has_a_file_of_a_known_type(product: Product) -> None:
    assert PRODUCT_FILES[product] in MEDIA_TYPES


def test_turntables_have_distinct_files_of_the_format_they_name() -> None:
    names = [turntable_file(each) for each in Turntable]
    assert len(set(names)) == len(names)
    for each, name in zip(Turntable, names, strict=True):
        assert MEDIA_TYPES[name].rpartition("/")[2] == each.value.rpartition("-")[2]
