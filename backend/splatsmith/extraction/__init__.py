"""Meshes and points taken from a cloud, whoever made it."""
