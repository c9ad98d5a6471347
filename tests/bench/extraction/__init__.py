"""Benchmarks of extraction: speed and memory (`figures`), and quality of its meshes."""

from .speed import figures as figures
