"""The start of a flow that carries smoke into a given shape, by descent through the simulation."""

import autodiff.numpy as np
from autodiff import value_and_grad

SIZE, STEPS, PRESSURE_STEPS = 12, 8, 6


def project(vx, vy):
    """Make the velocity field free of divergence, by a few iterations for the pressure."""
    p = np.zeros(vx.shape)
    h = 1.0 / vx.shape[0]
    div = (
        -0.5
        * h
        * (np.roll(vx, -1, axis=0) - np.roll(vx, 1, axis=0)
           + np.roll(vy, -1, axis=1) - np.roll(vy, 1, axis=1))
    )  # fmt: skip
    for _ in range(PRESSURE_STEPS):
        p = (
            div
            + np.roll(p, 1, axis=0) + np.roll(p, -1, axis=0)
            + np.roll(p, 1, axis=1) + np.roll(p, -1, axis=1)
        ) / 4.0  # fmt: skip
    vx = vx - 0.5 * (np.roll(p, -1, axis=0) - np.roll(p, 1, axis=0)) / h
    vy = vy - 0.5 * (np.roll(p, -1, axis=1) - np.roll(p, 1, axis=1)) / h
    return vx, vy


def advect(f, vx, vy):
    """Move the field along the velocities, looking back to where each cell came from."""
    rows, cols = f.shape
    cell_ys, cell_xs = np.meshgrid(np.arange(rows), np.arange(cols))
    center_xs = (cell_xs - vx).ravel()
    center_ys = (cell_ys - vy).ravel()

    left_ix = np.floor(center_xs).astype(int)
    top_ix = np.floor(center_ys).astype(int)
    rw = center_xs - left_ix
    bw = center_ys - top_ix
    left_ix = np.mod(left_ix, rows)
    right_ix = np.mod(left_ix + 1, rows)
    top_ix = np.mod(top_ix, cols)
    bot_ix = np.mod(top_ix + 1, cols)

    flat = (1 - rw) * ((1 - bw) * f[left_ix, top_ix] + bw * f[left_ix, bot_ix]) + rw * (
        (1 - bw) * f[right_ix, top_ix] + bw * f[right_ix, bot_ix]
    )
    return np.reshape(flat, (rows, cols))


def simulate(vx, vy, smoke):
    for _ in range(STEPS):
        vx_updated = advect(vx, vx, vy)
        vy_updated = advect(vy, vx, vy)
        vx, vy = project(vx_updated, vy_updated)
        smoke = advect(smoke, vx, vy)
    return smoke


def picture(row, col):
    ys, xs = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    return np.exp(-0.15 * ((ys - row) ** 2 + (xs - col) ** 2))


def main():
    start, target = picture(4.0, 4.0), picture(7.0, 6.0)

    def distance(params):
        vx = np.reshape(params[: SIZE * SIZE], (SIZE, SIZE))
        vy = np.reshape(params[SIZE * SIZE :], (SIZE, SIZE))
        return np.mean((target - simulate(vx, vy, start)) ** 2)

    objective = value_and_grad(distance)
    params = 0.02 * np.sin(np.arange(2.0 * SIZE * SIZE))
    history = []
    for _ in range(10):
        value, slope = objective(params)
        history.append(float(value))
        params = params - 10.0 * slope
    return [*history, *params[::29]]
