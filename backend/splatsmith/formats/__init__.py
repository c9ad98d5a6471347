"""Splat files of all kinds: told apart by their content, read, and written. No torch."""

from .detection import detect_format
from .reading import read_splats
from .writing import check_up, write_splats

__all__ = ["check_up", "detect_format", "read_splats", "write_splats"]
