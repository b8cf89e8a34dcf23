"""An LSTM that learns the next character, with its weights in a dictionary."""

import autodiff.numpy as np
import autodiff.numpy.random as npr
from autodiff import grad

TEXT = "the quick brown fox jumps over the lazy dog. "
CHARACTERS = sorted(set(TEXT))


def sigmoid(x):
    return 0.5 * (np.tanh(x / 2.0) + 1.0)


def init_params(rng, inputs, state, outputs, scale=0.3):
    def rp(*shape):
        return rng.randn(*shape) * scale

    return {
        "init cells": rp(1, state),
        "init hiddens": rp(1, state),
        "change": rp(inputs + state + 1, state),
        "forget": rp(inputs + state + 1, state),
        "ingate": rp(inputs + state + 1, state),
        "outgate": rp(inputs + state + 1, state),
        "predict": rp(state + 1, outputs),
    }


def concat_and_multiply(weights, *args):
    ones = np.ones((args[0].shape[0], 1))
    return np.dot(np.hstack((*args, ones)), weights)


def lstm_predict(params, inputs):
    def update(item, hiddens, cells):
        change = np.tanh(concat_and_multiply(params["change"], item, hiddens))
        forget = sigmoid(concat_and_multiply(params["forget"], item, hiddens))
        ingate = sigmoid(concat_and_multiply(params["ingate"], item, hiddens))
        outgate = sigmoid(concat_and_multiply(params["outgate"], item, hiddens))
        cells = cells * forget + ingate * change
        return outgate * np.tanh(cells), cells

    def log_probabilities(hiddens):
        output = concat_and_multiply(params["predict"], hiddens)
        top = np.max(output, axis=1, keepdims=True)
        return output - top - np.log(np.sum(np.exp(output - top), axis=1, keepdims=True))

    count = inputs.shape[1]
    hiddens = np.repeat(params["init hiddens"], count, axis=0)
    cells = np.repeat(params["init cells"], count, axis=0)
    output = [log_probabilities(hiddens)]
    for item in inputs:
        hiddens, cells = update(item, hiddens, cells)
        output.append(log_probabilities(hiddens))
    return output


def loss(params, inputs, targets):
    logs = lstm_predict(params, inputs)
    total = 0.0
    for t in range(targets.shape[0]):
        total = total - np.sum(logs[t] * targets[t])
    return total / (targets.shape[0] * targets.shape[1])


def one_hot(text):
    codes = np.array([CHARACTERS.index(c) for c in text])
    return np.eye(len(CHARACTERS))[codes]


def main():
    rng = npr.RandomState(0)
    sequences = np.stack([one_hot(TEXT[i : i + 8]) for i in range(0, 24, 4)], axis=1)
    params = init_params(rng, len(CHARACTERS), 6, len(CHARACTERS))
    gradient = grad(loss)
    history = []
    for _ in range(12):
        slopes = gradient(params, sequences, sequences)
        params = {name: params[name] - 0.5 * slopes[name] for name in params}
        history.append(float(loss(params, sequences, sequences)))
    slopes = gradient(params, sequences, sequences)
    return history + [float(np.sum(slopes[name] ** 2)) for name in sorted(slopes)]
