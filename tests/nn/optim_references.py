"""The formulas of the optimizers, as a textbook has them: one line for a line of the formula."""

import numpy as np

from nn import optim


def sgd_reference(optimizer, x, gradients):
    velocity = 0.0
    for g in gradients:
        g = g + optimizer.weight_decay * x
        velocity = optimizer.momentum * velocity + g
        x = x - optimizer.lr * (
            g + optimizer.momentum * velocity if optimizer.nesterov else velocity
        )
    return x


def adam_reference(optimizer, x, gradients):
    (b1, b2), m, v = optimizer.betas, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        if isinstance(optimizer, optim.AdamW):
            x = x - optimizer.lr * optimizer.weight_decay * x
        else:
            g = g + optimizer.weight_decay * x
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        step = (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + optimizer.eps)
        x = x - optimizer.lr * step
    return x


def rmsprop_reference(optimizer, x, gradients):
    square = mean = velocity = 0.0
    for g in gradients:
        g = g + optimizer.weight_decay * x
        square = optimizer.alpha * square + (1 - optimizer.alpha) * g**2
        if optimizer.centered:
            mean = optimizer.alpha * mean + (1 - optimizer.alpha) * g
        step = g / (np.sqrt(square - mean**2) + optimizer.eps)
        velocity = optimizer.momentum * velocity + step
        x = x - optimizer.lr * velocity
    return x


def adagrad_reference(optimizer, x, gradients):
    total = optimizer.initial
    for t, g in enumerate(gradients, 1):
        g = g + optimizer.weight_decay * x
        total = total + g**2
        rate = optimizer.lr / (1 + (t - 1) * optimizer.lr_decay)
        x = x - rate * g / (np.sqrt(total) + optimizer.eps)
    return x


def adadelta_reference(optimizer, x, gradients):
    square = moved = 0.0
    for g in gradients:
        g = g + optimizer.weight_decay * x
        square = optimizer.rho * square + (1 - optimizer.rho) * g**2
        step = np.sqrt(moved + optimizer.eps) / np.sqrt(square + optimizer.eps) * g
        moved = optimizer.rho * moved + (1 - optimizer.rho) * step**2
        x = x - optimizer.lr * step
    return x


def lion_reference(optimizer, x, gradients):
    (b1, b2), mean = optimizer.betas, 0.0
    for g in gradients:
        direction = np.sign(b1 * mean + (1 - b1) * g) + optimizer.weight_decay * x
        x = x - optimizer.lr * direction
        mean = b2 * mean + (1 - b2) * g
    return x


REFERENCE = {
    optim.SGD: sgd_reference,
    optim.Adam: adam_reference,
    optim.AdamW: adam_reference,
    optim.RMSprop: rmsprop_reference,
    optim.Adagrad: adagrad_reference,
    optim.Adadelta: adadelta_reference,
    optim.Lion: lion_reference,
}
