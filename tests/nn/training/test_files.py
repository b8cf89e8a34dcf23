import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nn.training import SaveError
from nn.training.files import write_atomically, write_json


class FullDisk:
    """A file on a disk that has room for four more bytes."""

    def __init__(self, path, mode):
        self.file = open(path, mode)  # noqa: SIM115

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.file.close()

    def write(self, content):
        self.file.write(content[:4])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_is_written_can_be_read_and_the_folder_is_made(tmp_path):
    path = tmp_path / "new" / "folder" / "file.bin"
    write_atomically(path, b"first")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


def test_the_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "ordinary").touch()
    write_atomically(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_full_disk_leaves_the_earlier_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "last.safetensors"
    write_atomically(path, b"earlier")
    monkeypatch.setattr("nn.training.files.open", FullDisk, raising=False)
    with pytest.raises(SaveError, match=r"last\.safetensors: not saved, the disk is full; the fil"):
        write_atomically(path, b"later and longer")
    assert path.read_bytes() == b"earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["last.safetensors"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_at_any_step_leaves_the_earlier_file_and_nothing_else(
    tmp_path, monkeypatch, step
):
    path = tmp_path / "file"
    write_atomically(path, b"earlier")

    def fail(*arguments):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(SaveError, match="Input/output error; the file that was there before is"):
        write_atomically(path, b"later")
    assert path.read_bytes() == b"earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_interruption_leaves_the_earlier_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"earlier")

    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"later")
    assert path.read_bytes() == b"earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_process_left_is_used_up(tmp_path):
    (tmp_path / ".file.tmp").write_bytes(b"half of someth")
    write_atomically(tmp_path / "file", b"whole")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_place_that_is_no_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SaveError, match=r"file/inner: not saved: .*; name a folder that can be"):
        write_atomically(tmp_path / "file" / "inner", b"")


def test_json_is_readable_and_ends_with_a_line_break(tmp_path):
    write_json(tmp_path / "a.json", {"名": [1, None]})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "名" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {"名": [1, None]}


@pytest.fixture
def tiny_disk(tmp_path) -> Path:
    """A file system of 256 KiB."""
    if sys.platform != "linux" or os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root on Linux can mount a tiny file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full_leaves_the_earlier_file_and_nothing_else(tiny_disk):
    path = tiny_disk / "last.safetensors"
    write_atomically(path, b"a" * 100_000)
    with pytest.raises(SaveError, match="the disk is full"):
        write_atomically(path, b"b" * 200_000)
    assert path.read_bytes() == b"a" * 100_000
    assert [p.name for p in tiny_disk.iterdir()] == ["last.safetensors"]
