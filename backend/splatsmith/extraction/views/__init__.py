"""Renderings of a cloud from all around, and visibility of points in them."""
