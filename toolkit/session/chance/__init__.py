"""Problems and methods drawn at random, run and judged in processes that end on time."""
