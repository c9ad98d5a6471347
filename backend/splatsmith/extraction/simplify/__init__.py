"""Surfaces of fewer triangles: edge collapse and repair."""
