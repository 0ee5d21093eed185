"""A dataset is checked on all cores, with the same result as on one."""

import threading
from pathlib import Path
from typing import Any

import pytest

from pipelines import verify
from pipelines.dataset.verification import ShardCheck, check_shard


def test_as_many_shards_are_checked_at_a_time_as_there_are_cores(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify, "num_cores", lambda: 1)
    assert verify.run([str(dataset)]) == 0
    alone = capsys.readouterr()
    both_begun = threading.Barrier(2, timeout=60)
    threads: set[int] = set()

    def check(*arguments: Any) -> ShardCheck:
        if threading.get_ident() not in threads:
            threads.add(threading.get_ident())
            both_begun.wait()
        return check_shard(*arguments)

    monkeypatch.setattr(verify, "num_cores", lambda: 2)
    monkeypatch.setattr(verify, "check_shard", check)
    assert verify.run([str(dataset)]) == 0
    assert len(threads) == 2
    assert capsys.readouterr() == alone
