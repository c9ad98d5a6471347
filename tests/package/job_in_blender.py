"""Run by test_extension.py in Blender's Python: install the zip, generate an asset, print a report.

python job_in_blender.py ZIP ENVIRONMENT PRODUCT [PRODUCT ...]
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy  # pyright: ignore[reportMissingImports]

MODULE = "bl_ext.user_default.splatsmith"


def install(archive: str) -> None:
    bpy.ops.extensions.package_install_files(
        filepath=archive, repo="user_default", enable_on_install=True
    )


def make_asset(api: Any, products: Sequence[str]) -> dict[str, object]:
    bpy.context.scene.cursor.location = (1.0, 2.0, 0.0)
    settings = api.GenerationSettings(
        parameters={"seed": 1}, products=tuple(map(api.Product, products))
    )
    asset = api.generate("a wooden chair", name='Onkel Jürgens "Stuhl"', settings=settings)
    objects = {str(product): obj for product, obj in asset.objects.items()}
    splats = objects["splats"].data
    request = api.read_request(objects["splats"])
    assert request is not None
    return {
        "objects": {product: obj.name for product, obj in objects.items()},
        "splats": len(splats.attributes["position"].data),
        "attributes": sorted(splats.attributes.keys()),
        "faces": len(objects["mesh"].data.polygons) if "mesh" in objects else 0,
        "prompt": request.prompt,
        "seed": request.parameters["seed"],
    }


def main(archive: str, environment: str, *products: str) -> None:
    install(archive)
    api = importlib.import_module(f"{MODULE}.api")
    api.configure(replace(api.default_settings(), environment=Path(environment)))
    try:
        report = make_asset(api, products)
        bundled = Path(bpy.utils.user_resource("EXTENSIONS")) / ".local"
        report["bundled"] = sorted(path.name for path in bundled.rglob("plyfile*"))
    finally:
        # An add-on that is still registered when the module ends may hang it.
        bpy.ops.preferences.addon_disable(module=MODULE)
    report["foreign"] = sorted({"torch", "fastapi", "splatsmith"} & set(sys.modules))
    sys.stdout.write("\n" + json.dumps(report) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
