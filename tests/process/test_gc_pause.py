"""The garbage collector pauses for a block, and resumes after it."""

import gc
from collections.abc import Iterator

import pytest

from pipelines.process.gc_pause import no_collection


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    was_enabled = gc.isenabled()
    yield
    (gc.enable if was_enabled else gc.disable)()


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_as_it_was_even_after_an_error(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    with pytest.raises(KeyError), no_collection():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled() == enabled


def test_what_is_made_is_left_alone_later() -> None:
    gc.collect()
    gc.unfreeze()
    with no_collection():
        made = [[number] for number in range(1000)]
    assert gc.get_freeze_count() >= len(made)
    gc.unfreeze()
