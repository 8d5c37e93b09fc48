"""The screen: `page/` is served, `jupyter/` is a widget, `plots/` draws curves and pictures for both."""
