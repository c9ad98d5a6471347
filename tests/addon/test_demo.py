"""Functions of the demo; the whole demo takes minutes and is run by hand."""

from __future__ import annotations

from blender_addon.demo import folder_names


def test_each_asset_gets_a_folder_of_its_own() -> None:
    titles = ["a red mushroom", "a red  mushroom!", "«Stuhl» für Zoë", "???", "x" * 99]
    names = folder_names(titles)
    assert names == ["a_red_mushroom", "a_red_mushroom_2", "Stuhl_für_Zoë", "asset", "x" * 60]
