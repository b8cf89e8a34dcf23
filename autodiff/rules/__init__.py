"""The derivative rules of NumPy's functions: declarations only, one file per family."""

from autodiff.rules import choosing as choosing
from autodiff.rules import constants as constants
from autodiff.rules import elementwise as elementwise
from autodiff.rules import indexing as indexing
from autodiff.rules import joining as joining
from autodiff.rules import products as products
from autodiff.rules import reductions as reductions
from autodiff.rules import remainders as remainders
from autodiff.rules import shaping as shaping
from autodiff.rules import ufunc_methods as ufunc_methods
from autodiff.rules.network import basic as basic
from autodiff.rules.network import softmax as softmax
