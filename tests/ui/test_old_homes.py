"""What moved is still found where it was, for one release, with a word about its new home."""

import importlib
import sys

import pytest


@pytest.mark.parametrize(
    "old, new, names",
    [
        ("toolkit.ui.notebook", "toolkit.ui.jupyter", ("LabWidget", "curves", "lab")),
        ("toolkit.ui.serve", "toolkit.ui.page.serve", ("calm", "pages", "serve")),
    ],
)
def test_the_old_home_leads_to_the_new_one(old, new, names):
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=new):
        before = importlib.import_module(old)
    for name in names:
        assert getattr(before, name) is getattr(importlib.import_module(new), name)
