"""Errors about what a user gave: data, files, settings.

The message of a `UserError` is one sentence that names the thing, the place and the next step, so
the command line prints it as it is, without a traceback.
"""


class UserError(Exception):
    """Something that the user can put right; the message says how."""


class DataError(UserError, ValueError):
    """A data set that cannot be used: damaged files, lengths that differ, values out of range.

    >>> import nn.data
    >>> nn.data.Dataset([[0.0], [1.0]], [0])
    Traceback (most recent call last):
    ...
    nn.errors.DataError: Dataset: 2 inputs but 1 targets; give one target for each input
    """


class DataNotFoundError(DataError):
    """A data set whose files are nowhere to be found; `tried` lists the places and the reasons."""

    def __init__(self, message: str, tried: list[str]):
        super().__init__(message)
        self.tried = tried
