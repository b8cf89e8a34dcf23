"""What `python -m nn train` does unless the command line says otherwise: a table of good settings.

Behind each line is the accuracy on test images that the command reached with it (seed 0).
"""

from __future__ import annotations

from dataclasses import dataclass

MODELS = {
    "mlp": "layers of units, each seeing all of the one before",
    "cnn": "blocks of convolution, normalisation and pooling, then one layer of units",
}


@dataclass(frozen=True)
class Preset:
    """Settings of `python -m nn train` that depend on the data set and the model.

    sizes: the hidden units of each layer of an mlp, or the channels of each block of a cnn.
    augment: names in `nn.commands.preparing.AUGMENTATIONS`.
    """

    sizes: tuple[int, ...]
    epochs: int
    lr: float = 2e-3
    optimizer: str = "adam"
    weight_decay: float = 0.0
    batch_size: int = 128
    dropout: float = 0.2
    scale: str = "unit"
    augment: tuple[str, ...] = ()


_BENT = ("shift", "rotate", "zoom", "elastic")  # how handwriting differs from hand to hand

PRESETS: dict[tuple[str, str], Preset] = {
    ("mnist", "mlp"): Preset((512, 64), epochs=12),  # 98.5 %
    ("mnist", "cnn"): Preset((16, 32, 64), epochs=4),  # 99.2 %
    ("digits", "mlp"): Preset((512, 64), epochs=40),  # 99.2 %
    ("digits", "cnn"): Preset((16, 32), epochs=20),  # 99.4 %
    ("hanzi12", "mlp"): Preset(
        (512, 256), epochs=60, lr=1e-3, optimizer="adamw", weight_decay=0.01,
        scale="standard", augment=_BENT,
    ),  # 98.3 %
    ("hanzi12", "cnn"): Preset(
        (16, 32, 64), epochs=20, optimizer="adamw", weight_decay=0.01,
        scale="standard", augment=_BENT,
    ),  # 99.8 %
    ("cifar10", "mlp"): Preset(
        (512, 256), epochs=30, lr=1e-3, optimizer="adamw", weight_decay=0.01, dropout=0.1,
        scale="channel", augment=("shift", "flip"),
    ),  # 59.6 %
    ("cifar10", "cnn"): Preset(
        (16, 32, 64), epochs=20, lr=3e-3, optimizer="adamw", weight_decay=0.01, dropout=0.1,
        scale="channel", augment=("shift", "flip"),
    ),  # 77.8 %
}  # fmt: skip

_OTHERS = {"mlp": Preset((512, 64), epochs=20), "cnn": Preset((16, 32, 64), epochs=10)}


def preset(dataset: str, model: str) -> Preset:
    """The settings for a model of that kind on a data set."""
    return PRESETS.get((dataset, model), _OTHERS[model])
