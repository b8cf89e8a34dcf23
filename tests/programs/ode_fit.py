"""Rates of a predator-prey model from noisy observations, through a Runge-Kutta integrator."""

import autodiff.numpy as np
import autodiff.numpy.random as npr
from autodiff import grad, jacobian


def change(state, rates):
    prey, predators = state
    a, b, c, d = rates
    return np.array([a * prey - b * prey * predators, -c * predators + d * prey * predators])


def integrate(rates, start, times):
    """The states at all times, by the classical method of fourth order."""
    states = [start]
    state = start
    for i in range(len(times) - 1):
        h = times[i + 1] - times[i]
        k1 = change(state, rates)
        k2 = change(state + 0.5 * h * k1, rates)
        k3 = change(state + 0.5 * h * k2, rates)
        k4 = change(state + h * k3, rates)
        state = state + h * (k1 + 2 * k2 + 2 * k3 + k4) / 6
        states.append(state)
    return np.stack(states)


def main():
    rng = npr.RandomState(2)
    times = np.linspace(0.0, 3.0, 16)
    truth = np.array([1.1, 0.4, 0.4, 0.1])
    start = np.array([5.0, 3.0])
    observed = integrate(truth, start, times) * (1 + 0.02 * rng.randn(16, 2))

    def residuals(log_rates):
        return np.ravel(np.log(integrate(np.exp(log_rates), start, times)) - np.log(observed))

    def loss(log_rates):
        return np.mean(residuals(log_rates) ** 2)

    log_rates = np.log(truth) + np.array([0.3, -0.2, 0.2, -0.3])
    history = []
    for _ in range(4):  # Gauss and Newton
        r, j = residuals(log_rates), jacobian(residuals)(log_rates)
        log_rates = log_rates - np.linalg.solve(np.dot(j.T, j), np.dot(j.T, r))
        history.append(float(loss(log_rates)))
    start_slope = grad(lambda s: np.sum(integrate(np.exp(log_rates), s, times)[-1]))(start)
    return [*history, *np.exp(log_rates), *grad(loss)(log_rates), *start_slope]
