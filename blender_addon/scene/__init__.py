"""Arrays to Blender objects and back: splats, points, meshes, their materials and transforms."""
