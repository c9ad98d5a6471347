"""Gaussians seen by cameras: rasterisers with one signature, previews, cameras."""
