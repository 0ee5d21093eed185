"""Counters of the jobs."""

from apache_beam.metrics import Metrics


def count(name: str, amount: int = 1, job: str = "preprocess") -> None:
    """Adds to a counter of the running bundle; every runner shows it under `<job>/<name>`."""
    Metrics.counter(job, name).inc(amount)
