"""Colours of a surface, as a texture or at its vertices."""
