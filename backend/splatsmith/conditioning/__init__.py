"""Prompts and pictures, prepared for the networks."""
