"""The verdict on a job whose videos failed."""

import pytest

from pipelines.core.errors import TooManyFailuresError
from pipelines.dataset.account import check_failure_rate


@pytest.mark.parametrize(("listed", "said"), [(1, "1 of 1 video failed (100.0%)"), (4, "1 of 4 videos failed (25.0%)")])
def test_too_many_failures(listed: int, said: str) -> None:
    check_failure_rate(1, listed, 1.0, [("VideoOpenError", "a.avi", "junk")], "finished shards are")
    with pytest.raises(TooManyFailuresError) as caught:
        check_failure_rate(1, listed, 0.05, [("VideoOpenError", "a.avi", "junk")], "finished shards are")
    assert str(caught.value).startswith(said) and "1 VideoOpenError, for example a.avi: junk" in str(caught.value)
