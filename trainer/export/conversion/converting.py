"""Starts the process that converts a SavedModel, and says in one line why it couldn't. Doesn't load TensorFlow."""

import os
import re
import subprocess
import sys
from pathlib import Path

from pipelines.core.errors import UserError
from pipelines.reports.text import some
from trainer.export.conversion.forms import KINDS, Form

_CHILD = "trainer.export.conversion.child"
_OPERATORS = (r"'tf\.(\w+)' op", r"(?:TF Select|Custom) ops: ([\w, ]+)", r"Tensorflow op \[[^:\]]*: (\w+)\]")
"""How converters name operators that they don't know."""
_ERROR = re.compile(r"^(?:[\w.]*(?:Error|Exception)|LLVM ERROR): (.+)$", re.M)


def convert(form: Form, saved_model: str, calibration: str = "") -> bytes:
    """The content of a converted model.

    Args:
        form: what to convert to.
        saved_model: local folder that `write_convertible` wrote.
        calibration: for int8, a file with clips uint8 [N, T, H, W, 3], from NumPy, or `WEIGHTS_ALONE`.

    Raises:
        UserError: it can't be converted; the message names the operators that aren't known.
    """
    output = Path(saved_model).with_name(form.file)
    arguments = [str(os.getpid()), form.kind, saved_model, str(output), *([calibration] if calibration else [])]
    root = str(Path(__file__).parents[3])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH", "")])])
    done = subprocess.run(
        [sys.executable, "-P", "-m", _CHILD, *arguments],
        env={**os.environ, "PYTHONPATH": path}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        errors="replace", check=False,
    )  # fmt: skip
    if done.returncode == 0 and output.exists():
        return output.read_bytes()
    raise UserError(f"the model can't be converted to {KINDS[form.kind]}: {why_not(done.stderr, done.returncode)}")


def why_not(said: str, code: int) -> str:
    """Why a converter has failed.

    Args:
        said: what it wrote to stderr.
        code: its exit code.
    """
    lists = [names for pattern in _OPERATORS for names in re.findall(pattern, said)]
    names = sorted({name.strip() for names in lists for name in names.split(",")} - {""})
    if names:
        verb = "is" if len(names) == 1 else "are"
        return f"{some(names)} {verb} not among its built-in operators. Use the SavedModel, or change the network"
    if errors := _ERROR.findall(said):
        return f"{errors[-1][:300]}. Use the SavedModel"
    return f"its converter ended with code {code} and without a reason. Use the SavedModel"
