"""Training: the loop, what goes with it, and what comes out of it."""

from nn.training.callbacks import Callback, Checkpoint, EarlyStopping
from nn.training.checkpoints import CheckpointError, load_checkpoint, save_checkpoint
from nn.training.evaluation import LossError, TrainingError, predict
from nn.training.files import SaveError
from nn.training.history import Epoch, History
from nn.training.live import LivePlot
from nn.training.metrics import METRICS, accuracy, binary_accuracy
from nn.training.plateau import Plateau, ReduceOnPlateau
from nn.training.progress import ProgressBar
from nn.training.schedules import SCHEDULES, Scheduler
from nn.training.trainer import Trainer

__all__ = [
    "METRICS",
    "SCHEDULES",
    "Callback",
    "Checkpoint",
    "CheckpointError",
    "EarlyStopping",
    "Epoch",
    "History",
    "LivePlot",
    "LossError",
    "Plateau",
    "ProgressBar",
    "ReduceOnPlateau",
    "SaveError",
    "Scheduler",
    "Trainer",
    "TrainingError",
    "accuracy",
    "binary_accuracy",
    "load_checkpoint",
    "predict",
    "save_checkpoint",
]
