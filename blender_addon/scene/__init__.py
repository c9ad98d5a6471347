"""Results become objects: splats, points and meshes, their looks, their place in the scene."""
