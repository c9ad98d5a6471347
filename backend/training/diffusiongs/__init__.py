"""What concerns the engine DiffusionGS."""
