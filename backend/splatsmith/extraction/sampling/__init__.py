"""Points spread evenly over the Gaussians at the visible surface."""
