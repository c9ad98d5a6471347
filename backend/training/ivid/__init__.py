"""Training and evaluation of ivid's networks."""
