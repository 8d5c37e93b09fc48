"""Kernels on triangulations."""
