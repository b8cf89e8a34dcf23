"""Data sets, and batches from them.

>>> import nn.data
>>> train, test = nn.data.load("digits")
>>> inputs, targets = next(iter(nn.data.DataLoader(train, batch_size=32)))
>>> inputs.shape, targets.shape
((32, 64), (32,))
"""

from nn.data.dataset import Dataset
from nn.data.handwritten import digits, mnist
from nn.data.idx import read_idx
from nn.data.loader import DataLoader
from nn.data.registry import DATASETS, load
from nn.data.sources import File, Located, Source, cache_folder, locate

__all__ = [
    "DATASETS",
    "DataLoader",
    "Dataset",
    "File",
    "Located",
    "Source",
    "cache_folder",
    "digits",
    "load",
    "locate",
    "mnist",
    "read_idx",
]
