"""Kernels on small dense arrays."""
