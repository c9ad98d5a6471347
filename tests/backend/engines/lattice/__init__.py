"""A test engine: a coloured cube of Gaussians, made in slow steps, with faults on demand."""
