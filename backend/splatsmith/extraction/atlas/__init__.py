"""UV unwrapping: chart segmentation, flattening and packing."""
