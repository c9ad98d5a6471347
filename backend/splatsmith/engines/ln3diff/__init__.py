"""LN3Diff: text or a picture to a triplane density field [Lan et al. 2024]."""
