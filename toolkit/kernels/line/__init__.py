"""Kernels on one dimension: splines, radial elements."""
