"""The cases, and the goals beside them: multiples of what the other contender needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.cases import BY_HAND, US, Case, Goal, at_most

__all__ = ["SUITES"]

MLP_SMOKE = {"batch": 8}
MYGRAD = ("mygrad", "mygrad-unguarded")  # a goal beside one is a goal beside both
ARRAYS = (*BY_HAND, "torch", "torch-compile", "jax", "autograd", *MYGRAD)
SCALARS = (*BY_HAND, "micrograd", "torch", "torch-compile", "jax", "autograd", *MYGRAD)


def beside_mygrad(limit: float) -> dict[str, float]:
    """The limit of a goal, for each of the ways in which MyGrad can be used."""
    return dict.fromkeys(MYGRAD, limit)


def ops() -> Iterator[Case]:
    """A chain of operations, forward and backward; results are for one operation."""
    few, many = 100, 20
    for op in ("muladd", "tanh", "relu"):
        others = tuple(name for name in SCALARS if name != "micrograd" or op != "tanh")
        limits = {"torch": 0.20, "micrograd": 0.45, "autograd": 0.2, **beside_mygrad(0.2)}
        yield Case(
            "ops",
            f"{op}, scalar",
            "chain",
            (US, *others),
            {"op": op, "size": 0, "length": few},
            at_most({name: limit for name, limit in limits.items() if name in others}),
            per=few,
        )
        limits = {"torch": 0.45, "autograd": 0.2, **beside_mygrad(0.2)}
        for size, by_hand in ((10, 2.0), (1_000, None)):
            yield Case(
                "ops",
                f"{op}, {size:,} elements",
                "chain",
                (US, *ARRAYS),
                {"op": op, "size": size, "length": few},
                at_most({**limits, "numpy": by_hand}),
                per=few,
            )
        yield Case(
            "ops",
            f"{op}, 100,000 elements",
            "chain",
            (US, *ARRAYS),
            {"op": op, "size": 100_000, "length": many},
            at_most({"torch": {"tanh": 0.40, "relu": 1.0}.get(op), "numpy": 1.25}),
            per=many,
            smoke={"size": 1_000},
        )
    for size, length in ((10, few), (1_024, few), (100_000, many)):
        yield Case(
            "ops",
            f"muladd with plain arrays, {size:,} elements",
            "chain",
            (US,),  # compare it with an older version: what is kept of plain arrays is made safe
            {"op": "muladd", "size": size, "length": length, "plain": True},
            per=length,
            smoke={"size": 10},
        )


def views() -> Iterator[Case]:
    """Views of a matrix 8 x 8 in the graph, forward alone; results are for one view."""
    for how in ("slice", "transpose", "reshape", "row"):
        yield Case("views", how, "views", (US, "torch"), {"how": how, "count": 96}, per=96)


def scalars() -> Iterator[Case]:
    """micrograd's own network, every number a value of its own, forward and backward."""
    yield Case(
        "scalars",
        "MLP(2, [16, 16, 1]), one sample",
        "scalar_network",
        (US, "micrograd", "torch", "autograd", *MYGRAD),
        goals=at_most({"micrograd": 0.45, "torch": 0.20, "autograd": 0.2, **beside_mygrad(0.2)}),
    )


def mlp() -> Iterator[Case]:
    """One training step of 784-512-64-10 with ReLU and cross-entropy, float32."""
    # Of torch's time, by batch: with one thread and the default kernel, the fast one; with two.
    limits = {1: (1.0, 1.0, 1.1), 64: (0.8, 0.45, 0.85), 256: (0.75, 0.45, 0.85)}
    for threads in (1, 2):
        for optimizer in ("sgd", "adam"):
            for batch, (default, fast, two) in limits.items():
                goals: tuple[Goal, ...] = ()
                if optimizer == "sgd" and threads == 1:
                    goals = (
                        *at_most({"torch": default}, "default"),
                        *at_most({"torch": fast}, "fast"),
                        *at_most({"numpy": 0.6} if batch == 1 else {"numpy-best": 1.1}),
                    )
                elif optimizer == "sgd":
                    goals = at_most({"torch": two})
                yield Case(
                    "mlp",
                    f"{optimizer}, batch {batch}",
                    "mlp",
                    (US, *ARRAYS, "torch-fused", "sklearn"),
                    {"batch": batch, "optimizer": optimizer},
                    goals,
                    threads,
                    smoke=MLP_SMOKE,
                )


def optim() -> Iterator[Case]:
    """One step of Adam, the gradients given."""
    sizes = {"435,000 parameters": ("mlp", 0.65), "4 million parameters": ("square", 0.35)}
    for name, (which, naive) in sizes.items():
        yield Case(
            "optim",
            f"Adam, {name}",
            "adam",
            (US, *BY_HAND, "torch", "torch-foreach", "torch-fused", "jax"),
            {"which": which},
            at_most({"torch-foreach": 0.8, "torch-fused": 2.2, "numpy": naive}),
            smoke={"which": "small"},
        )


def conv() -> Iterator[Case]:
    """Convolution 3 x 3 with padding 1: the output, and the gradients of weight and bias.

    The first case is the first layer of a network, which sees images; the second is one further
    in, which passes on a gradient.
    """
    for channels, filters, side, torch in ((3, 16, 32, 0.8), (16, 32, 16, 1.8)):
        yield Case(
            "conv",
            f"64 x {channels} x {side} x {side} to {filters}",
            "conv",
            (US, *BY_HAND, "torch", "jax", "autograd", *MYGRAD),
            {
                "images": 64,
                "channels": channels,
                "filters": filters,
                "side": side,
                "inner": channels > 3,
            },
            (*at_most(beside_mygrad(0.3)), *at_most({"torch": torch}, "fast")),
            smoke={"images": 2, "side": 6},
        )


def attention() -> Iterator[Case]:
    """A transformer block, 16 x 64 x 128 with 4 heads: output and parameter gradients."""
    for activation in ("relu", "gelu"):
        yield Case(
            "attention",
            f"transformer block, {activation}",
            "block",
            (US, "torch", "torch-compile", "jax", "autograd", *MYGRAD),
            {"activation": activation},
            (*at_most({"torch": 0.9}, "default"), *at_most({"torch": 0.6}, "fast")),
            smoke={"batch": 1},
        )


def memory() -> Iterator[Case]:
    """What a training step of the network of `mlp` needs beside its parameters."""
    yield Case(
        "memory",
        "sgd, batch 256, peak of Python's allocations",
        "mlp",
        (US, "numpy", "autograd", *MYGRAD),
        {"batch": 256, "optimizer": "sgd"},
        at_most({"numpy": 0.7, "autograd": 0.45, **beside_mygrad(0.45)}),
        style="traced",
        rounds=3,
        smoke=MLP_SMOKE,
    )
    yield Case(
        "memory",
        "sgd, batch 8,192, growth of the process",
        "mlp",
        (US, *BY_HAND, "torch", "jax", "autograd", *MYGRAD),
        {"batch": 8_192, "optimizer": "sgd"},
        at_most({"torch": 0.9}),
        style="resident",
        rounds=5,
        smoke=MLP_SMOKE,
    )


def deep() -> Iterator[Case]:
    """A chain of scalar operations, a multiplication and an addition in turn."""
    short, long = 100_000, 1_000_000
    others = ("torch", "micrograd", "autograd", *MYGRAD)
    smoke = {"length": 1_000}
    yield Case(
        "deep",
        f"{short:,} operations",
        "deep",
        (US, *others),
        {"length": short},
        per=short,
        rounds=5,
        smoke=smoke,
    )
    yield Case(
        "deep",
        f"{long:,} operations",
        "deep",
        (US, "torch", "micrograd"),
        {"length": long},
        at_most({"torch": 0.35}),
        per=long,
        rounds=5,
        smoke=smoke,
    )
    yield Case(
        "deep",
        f"{long:,} operations, memory of the graph",
        "graph",
        (US, "torch"),
        {"length": long},
        (Goal(180),),
        style="resident",
        per=long,
        rounds=3,
        steps=1,
        smoke=smoke,
    )
    yield Case(
        "deep",
        f"growth from {short:,} to {long:,} operations, time of one",
        "growth",
        (US, "torch"),
        {"short": short, "long": long},
        (Goal(1.25),),
        rounds=5,
        smoke={"short": 100, "long": 1_000},
    )


def imports() -> Iterator[Case]:
    """The time that importing adds to importing NumPy."""
    yield Case(
        "import",
        "import, after NumPy",
        "",
        (US, "torch", "jax", "autograd", "mygrad"),
        goals=(Goal(0.060),),
        style="import",
    )


SUITES: dict[str, Callable[[], Iterator[Case]]] = {
    "ops": ops,
    "views": views,
    "scalars": scalars,
    "mlp": mlp,
    "optim": optim,
    "conv": conv,
    "attention": attention,
    "memory": memory,
    "deep": deep,
    "import": imports,
}
