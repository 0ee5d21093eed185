"""How processes start TensorFlow."""

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

_SCRIPT = """
from pipelines.process.tensorflow_start import start_tensorflow
start_tensorflow()
import tensorflow as tf
from trainer.networks.convlstm import has_grouped_gradients  # oneDNN's kernels alone make them
print(has_grouped_gradients(tf.float32))
"""


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="TensorFlow chooses itself")
@pytest.mark.parametrize(("said", "found"), [({}, "True"), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, "False")], ids=str)
def test_onednn_is_used_unless_the_user_says_otherwise(said: dict[str, str], found: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    command = [sys.executable, "-c", _SCRIPT]
    done = subprocess.run(command, env={**env, **said}, capture_output=True, text=True, check=True)
    assert done.stdout == f"{found}\n"
    assert not done.stderr
