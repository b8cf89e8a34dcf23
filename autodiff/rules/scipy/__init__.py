"""The rules of scipy.special: loaded once the user has imported scipy.special.

Its functions are NumPy ufuncs, so ``scipy.special.erf(tensor)`` comes to us like
``np.exp(tensor)``. The formulas are those of the DLMF (NIST Digital Library of Mathematical
Functions), cited by their numbers.
"""

from autodiff.rules.scipy import bessel, elementary, gamma, integrals, normal, reductions

__all__ = ["bessel", "elementary", "gamma", "integrals", "normal", "reductions"]
