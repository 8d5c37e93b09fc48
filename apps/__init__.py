"""The pages that are served: the index, and one page a lab. Assembly only."""
