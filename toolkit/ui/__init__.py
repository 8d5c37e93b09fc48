"""The screen: a model that knows no screen, plots, pictures, the knob adapters and the lab view."""
