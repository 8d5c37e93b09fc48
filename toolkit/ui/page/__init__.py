"""The served page."""
