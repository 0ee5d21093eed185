"""Counters, named in one place."""

from apache_beam.metrics import Metrics

NAMESPACE = "preprocess"


def count(name: str, amount: int = 1) -> None:
    """Adds to a counter of the running bundle; every runner shows it under `preprocess/<name>`."""
    Metrics.counter(NAMESPACE, name).inc(amount)
