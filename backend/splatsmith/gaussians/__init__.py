"""Cameras, rasterisers and previews of Gaussians."""
