"""Data sets, and batches from them.

>>> import nn.data
>>> train, test = nn.data.load("digits")
>>> inputs, targets = next(iter(nn.data.DataLoader(train, batch_size=32)))
>>> inputs.shape, targets.shape
((32, 64), (32,))

Data sets: `load(name)` for those in `DATASETS`, `image_folder` for images of one's own, `Dataset`
for arrays, `toys` for a first look. `Dataset.split` deals samples to parts, and `duplicates` helps
it to keep copies together. `DataLoader` makes batches, changes them by `transforms`, takes samples
as often as a sampler says, and prepares batches in advance.
"""

from nn.data import toys, transforms
from nn.data.cifar import cifar10
from nn.data.dataset import Dataset
from nn.data.folders import image_folder
from nn.data.handwritten import digits, mnist
from nn.data.hanzi import hanzi12
from nn.data.idx import read_idx
from nn.data.loader import DataLoader
from nn.data.own import load_folder
from nn.data.registry import DATASETS, load
from nn.data.samplers import BalancedSampler, WeightedSampler
from nn.data.sources import File, Located, Source, cache_folder, locate
from nn.data.splitting import duplicates

__all__ = [
    "DATASETS",
    "BalancedSampler",
    "DataLoader",
    "Dataset",
    "File",
    "Located",
    "Source",
    "WeightedSampler",
    "cache_folder",
    "cifar10",
    "digits",
    "duplicates",
    "hanzi12",
    "image_folder",
    "load",
    "load_folder",
    "locate",
    "mnist",
    "read_idx",
    "toys",
    "transforms",
]
