"""Sprout, the built-in engine: a small denoiser and splat decoder, trained by this project."""
