"""All families of rules but SciPy's; those that few programs need are loaded at first use."""

from importlib import import_module
from pkgutil import iter_modules

from autodiff import rules
from autodiff.rules import linalg, network

for _folder in (rules, linalg, network):
    for _family in iter_modules(_folder.__path__, f"{_folder.__name__}."):
        if not _family.ispkg:
            import_module(_family.name)
