"""Kernels on stencils: vectors on uniform grids, and one operator or one set of coefficients a point."""
