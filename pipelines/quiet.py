"""Keeps TensorFlow's announcements from the screen, where a user looks for what the tools say."""

import logging
import os


def quiet_tensorflow() -> None:
    """Leaves errors alone to be shown. To be called before TensorFlow is imported; processes started later inherit it.

    What the environment variable TF_CPP_MIN_LOG_LEVEL says already is kept.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.ERROR)
