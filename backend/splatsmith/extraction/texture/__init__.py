"""Colours of a surface, baked into a texture or at its vertices."""
