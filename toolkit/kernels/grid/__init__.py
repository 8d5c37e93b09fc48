"""Kernels on values at the points of a uniform grid, or of a line of a tensor grid."""
