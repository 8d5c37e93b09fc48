"""One person's work without a screen: a race in a thread of its own, what there is to draw, and what is taken away."""
