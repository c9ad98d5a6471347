"""Splat objects of the scene to files."""
