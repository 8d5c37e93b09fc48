"""Curves and pictures, for the page and the notebook."""
