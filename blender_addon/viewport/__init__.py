"""Draws splats in the viewport below Blender 5.3, which draws them itself."""
