"""Extraction measured: its speed and memory (`figures`), and how true its meshes are."""

from .speed import figures as figures
