"""How processes start TensorFlow."""

import os
import platform
import subprocess
import sys

import pytest

from pipelines.process.tensorflow_start import prefer_onednn

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="TensorFlow chooses itself"),
]

_SCRIPT = """
from pipelines.process.tensorflow_start import start_tensorflow
start_tensorflow()
import tensorflow as tf
from trainer.networks.convlstm import has_grouped_gradients  # oneDNN's kernels alone make them
print(has_grouped_gradients(tf.float32))
"""


def test_onednn_is_used_where_the_user_says_nothing() -> None:
    env = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    done = subprocess.run([sys.executable, "-c", _SCRIPT], env=env, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_what_the_user_says_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    prefer_onednn()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"
