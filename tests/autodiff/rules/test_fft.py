"""numpy.fft: complex signals, lengths, normalizations, and comparisons with PyTorch."""

import numpy as np
import pytest

import autodiff as ad
import autodiff.rules.fft
from autodiff.testing import check_grads

rng = np.random.default_rng(0)
REAL = rng.normal(size=(3, 4))
COMPLEX = REAL + 1j * rng.normal(size=(3, 4))

COMPLEX_TO = ["fft", "ifft", "irfft", "hfft"]
LINES = [*COMPLEX_TO, "rfft", "ihfft"]
PLANES = ["fft2", "ifft2", "fftn", "ifftn", "irfft2", "irfftn", "rfft2", "rfftn"]


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize("n", [None, 1, 2, 3, 5, 6])
@pytest.mark.parametrize("name", LINES)
def test_one_axis_cut_or_padded(name, n, norm):
    transform = getattr(np.fft, name)
    x = COMPLEX if name in COMPLEX_TO else REAL
    for axis in (0, -1):
        check_grads(lambda x, axis=axis: transform(x, n, axis, norm), x, order=1)


@pytest.mark.parametrize("name", PLANES)
@pytest.mark.parametrize("s", [(3, 4), (2, 5), (5, 3)])
def test_several_axes_cut_or_padded(name, s):
    transform = getattr(np.fft, name)
    x = REAL if name.startswith("rfft") else COMPLEX
    for axes in ((0, 1), (-1, 0)):
        check_grads(lambda x, axes=axes: transform(x, s, axes, "ortho"), x, order=1)


@pytest.mark.parametrize("name", LINES + PLANES)
def test_values_are_those_of_numpy(name):
    transform = getattr(np.fft, name)
    x = REAL if name in ("rfft", "ihfft", "rfft2", "rfftn") else COMPLEX
    calls = [{}, {"norm": "forward"}]
    if name in PLANES:
        calls += [{"axes": (1,)}, {"s": (-1, 3), "axes": (0, 1)}, {"axes": (0, 0)}]
    for options in calls:
        result = transform(ad.tensor(x), **options)
        np.testing.assert_allclose(result.data, transform(x, **options), atol=1e-14)


def test_short_dtypes_stay_short():
    x = ad.tensor(REAL.astype(np.float32), requires_grad=True)
    spectrum = np.fft.rfft(x)
    assert spectrum.dtype == np.complex64
    np.sum(np.abs(spectrum)).backward()
    assert x.grad.dtype == np.float32


def test_the_energy_of_a_signal_is_that_of_its_spectrum():
    def energy(x):
        return np.sum(np.abs(np.fft.fft(x, norm="ortho")) ** 2)

    np.testing.assert_allclose(ad.grad(energy)(REAL), 2 * REAL)
    np.testing.assert_allclose(ad.grad(energy)(COMPLEX), 2 * COMPLEX)


def test_a_wrong_norm_is_numpys_own_error():
    with pytest.raises(ValueError, match="Invalid norm"):
        np.fft.hfft(ad.tensor(REAL, requires_grad=True), norm="unit")
    with pytest.raises(ValueError, match="3 lengths"):
        np.fft.fftn(ad.tensor(REAL, requires_grad=True), (1, 2, 3), (0, 1))


@pytest.mark.parametrize("name", LINES + PLANES)
def test_gradients_agree_with_pytorch(name):
    torch = pytest.importorskip("torch")
    x = REAL if name in ("rfft", "ihfft", "rfft2", "rfftn") else COMPLEX
    other = torch.tensor(x, requires_grad=True)
    weights = rng.normal(size=getattr(np.fft, name)(x).shape)
    total = (abs(getattr(torch.fft, name)(other) ** 2) * torch.tensor(weights)).sum()
    total.backward()
    ours = ad.grad(lambda x: np.sum(np.abs(getattr(np.fft, name)(x) ** 2) * weights))(x)
    np.testing.assert_allclose(ours, other.grad.resolve_conj().numpy(), atol=1e-10)
