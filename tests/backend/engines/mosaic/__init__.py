"""A test engine whose checkpoints are on a hub."""
