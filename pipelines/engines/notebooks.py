"""Pipelines that are the same in a notebook as elsewhere."""

import contextlib
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam import pipeline as beam_pipeline


class PlainPipeline(beam.Pipeline):
    """A pipeline that doesn't take part in Beam's interactive mode.

    Within IPython, Beam loads that mode for every pipeline, to put the number of the cell before names. The mode needs
    packages that Beam doesn't bring (pandas), and draws in the notebook.
    """

    def apply(self, *arguments: Any, **named: Any) -> Any:
        """As in Beam."""
        with _without_cell_numbers():
            return super().apply(*arguments, **named)


@contextlib.contextmanager
def _without_cell_numbers() -> Iterator[None]:
    before = beam_pipeline.alter_label_if_ipython
    beam_pipeline.alter_label_if_ipython = lambda transform, pvalueish: None
    try:
        yield
    finally:
        beam_pipeline.alter_label_if_ipython = before
