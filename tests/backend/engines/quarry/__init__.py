"""A test engine whose checkpoints are pickles: one on a hub, two that only users have."""
