"""Pipelines that are the same in a notebook as elsewhere."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam import pipeline as beam_pipeline


class PlainPipeline(beam.Pipeline):
    """A pipeline that doesn't take part in Beam's interactive mode.

    Within IPython, Beam loads that mode for every pipeline, to put the number of the cell before names. The mode needs
    packages that Beam doesn't bring (pandas), and draws in the notebook. Elsewhere, to learn that it isn't in IPython,
    Beam would import all of it.
    """

    def apply(self, *arguments: Any, **named: Any) -> Any:
        """As in Beam."""
        with _replaced("alter_label_if_ipython", lambda transform, pvalueish: None):
            return super().apply(*arguments, **named)

    def run(self, *arguments: Any, **named: Any) -> Any:
        """As in Beam."""
        with _replaced("is_in_ipython", lambda: "IPython" in sys.modules and _is_in_ipython()):
            return super().run(*arguments, **named)


_is_in_ipython = beam_pipeline.is_in_ipython


@contextlib.contextmanager
def _replaced(name: str, by: Callable[..., Any]) -> Iterator[None]:
    """Replaces a function of Beam's module `pipeline` for a while."""
    before = getattr(beam_pipeline, name)
    setattr(beam_pipeline, name, by)
    try:
        yield
    finally:
        setattr(beam_pipeline, name, before)
