"""What a newcomer finds by asking Python."""

import subprocess
import sys

import autodiff as ad


def test_dir_shows_the_public_names_and_nothing_else():
    assert [name for name in dir(ad) if name[:2] != "__"] == sorted(ad.__all__)


def test_every_name_that_dir_shows_is_there():
    for name in dir(ad):
        getattr(ad, name)


def test_dir_does_not_depend_on_what_was_loaded():
    code = "import autodiff as ad; before = dir(ad); ad.draw, ad.debug, ad.testing, ad.numpy; "
    code += "print(before == dir(ad), 'draw' in before, 'graph' in before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]
