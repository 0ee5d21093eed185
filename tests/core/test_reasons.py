"""A library's message is cut to the line that gives the reason."""

import pytest
import tensorflow as tf

from pipelines.core.reasons import first_line

PLACES = """Graph execution error:

Detected at node MultiDeviceIteratorGetNextFromShard defined at (most recent call last):
<stack traces unavailable>
truncated record at 37542' failed
\t [[{{node IteratorGetNext}}]]"""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (tf.errors.DataLossError(None, None, PLACES), "truncated record at 37542' failed"),
        (tf.errors.DataLossError(None, None, "\n: corrupted record at 12.\nmore"), "corrupted record at 12"),
        (ValueError("a\nb"), "a"),
        (ValueError(), "ValueError"),
        (OSError(5, "Input/output error", "/a"), "[Errno 5] Input/output error: '/a'"),
        (ValueError("at https://me:key@host/a?token=b of it"), "at https://***@host/a?token=*** of it"),
        (ValueError("x" * 400), "x" * 300 + "..."),
    ],
)  # fmt: skip
def test_first_line(error: Exception, line: str) -> None:
    assert first_line(error) == line
