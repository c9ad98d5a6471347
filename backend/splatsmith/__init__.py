"""Splatsmith's backend: a request becomes a representation, the representation becomes files."""

__version__ = "0.1.0"
