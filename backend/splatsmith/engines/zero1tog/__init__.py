"""Zero-1-to-G: splatter images of six views from one picture (arXiv 2501.05427)."""
