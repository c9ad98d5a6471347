"""The engines: each turns conditions into a cloud of Gaussians, and knows none of the others."""
