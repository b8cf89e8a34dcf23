"""Five programs in the style of ``autograd.numpy`` give its numbers, only their imports changed.

The programs beside this file import autodiff. Where autograd is installed, the same text runs with
its name in the import lines; the numbers that it gave are stored for where it is not.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
PROGRAMS = [
    "gaussian_process", "lstm", "variational_autoencoder", "fluid_simulation", "ode_fit",
]  # fmt: skip
REFERENCE = HERE / "reference.json"


def numbers(program, library):
    """The result of a program with `library` in its import lines."""
    text = (HERE / f"{program}.py").read_text(encoding="utf-8")
    changed = re.sub(r"^(import|from) autodiff\b", rf"\1 {library}", text, flags=re.MULTILINE)
    body = "\n".join(
        line for line in changed.splitlines() if not line.startswith(("import", "from"))
    )
    assert "autodiff" not in body
    names = {"__name__": program}
    exec(compile(changed, f"{program} with {library}", "exec"), names)
    return np.array(names["main"](), dtype=float)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("library", ["autodiff", "autograd"])
def test_a_program_gives_the_same_numbers(program, library):
    pytest.importorskip(library)
    expected = json.loads(REFERENCE.read_text(encoding="utf-8"))[program]
    np.testing.assert_allclose(numbers(program, library), expected, rtol=1e-6, atol=1e-9)


if __name__ == "__main__":  # store the numbers of autograd
    found = {program: numbers(program, "autograd").tolist() for program in PROGRAMS}
    REFERENCE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
