"""Kernels on compressed sparse rows."""
