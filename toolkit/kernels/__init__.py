"""The compute core: compiled functions on arrays and numbers. Imports numpy and numba, nothing else."""
