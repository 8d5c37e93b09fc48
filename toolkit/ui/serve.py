"""The old home of serving, for one release."""

import warnings

from toolkit.ui.page.serve import calm, pages, serve

__all__ = ["calm", "pages", "serve"]
warnings.warn("toolkit.ui.serve is now toolkit.ui.page.serve", DeprecationWarning, stacklevel=2)
