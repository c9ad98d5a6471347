"""Meshes and points extracted from representations of objects."""
