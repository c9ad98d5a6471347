"""What engines answer with: Gaussians, a density field, or RGBD views."""
