"""Splatsmith's backend: a request becomes a cloud of Gaussians, the cloud becomes files."""

__version__ = "0.1.0"
