"""Points sampled evenly from the Gaussians at the visible surface."""
