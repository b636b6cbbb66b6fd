"""Networks computed with PyTorch: one file a family of layers; a kind can be computed once its file registers it."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

for _family in iter_modules(__path__, prefix=f"{__name__}."):
    import_module(_family.name)
