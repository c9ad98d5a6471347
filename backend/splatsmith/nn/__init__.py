"""Layers that engines share."""
