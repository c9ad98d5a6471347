"""The engines: each turns conditions into a cloud of Gaussians and imports nothing of the others."""
