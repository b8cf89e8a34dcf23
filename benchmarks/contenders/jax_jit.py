"""JAX with the whole step jitted and the old parameters donated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks import data, networks


def chain(op: str, size: int, length: int) -> Callable[[], Any]:
    inputs = [jnp.asarray(v) for v in data.chain_inputs(size)]
    forward = networks.chain(op, length, jnp.tanh, jax.nn.relu)
    which = (0, 1, 2) if op == "muladd" else (0,)
    slopes = jax.jit(jax.grad(lambda *inputs: forward(*inputs).sum(), which))
    return lambda: jax.block_until_ready(slopes(*inputs))


def mlp(batch: int, optimizer: str) -> Callable[[], Any]:
    state: Any = [jnp.asarray(p) for p in data.mlp_parameters()]
    images, labels = map(jnp.asarray, data.batch_of_images(batch))

    def loss_of(parameters: Any, images: Any, labels: Any) -> Any:
        W1, b1, W2, b2, W3, b3 = parameters
        hidden = jax.nn.relu(images @ W1 + b1)
        hidden = jax.nn.relu(hidden @ W2 + b2)
        log_probs = jax.nn.log_softmax(hidden @ W3 + b3)
        return -jnp.take_along_axis(log_probs, labels[:, None], axis=1).mean()

    def sgd(state: Any, images: Any, labels: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(state, images, labels)
        return [p - data.SGD_RATE * g for p, g in zip(state, grads, strict=True)], loss

    def adam(state: Any, images: Any, labels: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(state[0], images, labels)
        return adam_update(state, grads, data.ADAM_RATE), loss

    if optimizer == "adam":
        state = adam_state(state)
    jitted = jax.jit(sgd if optimizer == "sgd" else adam, donate_argnums=0)

    def step() -> Any:
        nonlocal state
        state, loss = jax.block_until_ready(jitted(state, images, labels))
        return loss.item()

    return step


def adam(which: str) -> Callable[[], Any]:
    parameters, grads = ([jnp.asarray(a) for a in arrays] for arrays in data.adam_arrays(which))
    state = adam_state(parameters)
    jitted = jax.jit(lambda state, grads: adam_update(state, grads, 1e-3), donate_argnums=0)

    def step() -> Any:
        nonlocal state
        state = jax.block_until_ready(jitted(state, grads))
        return state[0][0]

    return step


def adam_state(parameters: Any) -> Any:
    """Parameters, both moments, and the number of steps."""
    zeros = [jnp.zeros_like(p) for p in parameters]
    return parameters, zeros, [z.copy() for z in zeros], jnp.zeros((), int)


def adam_update(state: Any, grads: Any, lr: float) -> Any:
    """The state after a step."""
    parameters, first, second, steps = state
    steps = steps + 1
    first = [0.9 * m + 0.1 * g for m, g in zip(first, grads, strict=True)]
    second = [0.999 * v + 0.001 * g * g for v, g in zip(second, grads, strict=True)]
    rate, spread = lr / (1 - 0.9**steps), 1 - 0.999**steps
    parameters = [
        p - rate * m / (jnp.sqrt(v / spread) + 1e-8)
        for p, m, v in zip(parameters, first, second, strict=True)
    ]
    return parameters, first, second, steps


def conv(images: int, channels: int, filters: int, side: int, inner: bool) -> Callable[[], Any]:
    x, w, b, g = map(jnp.asarray, data.conv_arrays(images, channels, filters, side))

    def layer(x: Any, w: Any, b: Any) -> Any:
        return jax.lax.conv(x, w, (1, 1), "SAME") + b[:, None, None]

    @jax.jit
    def slopes(x: Any, w: Any, b: Any, g: Any) -> Any:
        y, pullback = jax.vjp(layer, x, w, b)
        return y, pullback(g) if inner else pullback(g)[1:]  # what is not returned is not computed

    return lambda: jax.block_until_ready(slopes(x, w, b, g))[1]


def block(activation: str, batch: int = 16) -> Callable[[], Any]:
    given = data.block_arrays(batch)
    x, g, p = jax.tree.map(jnp.asarray, given)
    act = jax.nn.relu if activation == "relu" else jax.nn.gelu

    @jax.jit
    def slopes(p: Any, x: Any, g: Any) -> Any:
        y, pullback = jax.vjp(
            lambda p: networks.transformer_block(jnp, x, p, jax.nn.softmax, act), p
        )
        return y, pullback(g)[0]

    def step() -> Any:
        grads = jax.block_until_ready(slopes(p, x, g))[1]
        return [grads[name] for name in given.parameters]  # JAX sorts by name

    return step
