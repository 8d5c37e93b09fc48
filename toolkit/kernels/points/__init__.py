"""Kernels on many points, each by itself or against all others."""
