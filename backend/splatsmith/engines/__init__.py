"""The engines: each turns conditions into a cloud of Gaussians. They import nothing of each other."""
