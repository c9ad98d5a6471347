"""Simplification by edge collapse, and repair of the manifold."""
