"""The tests. Each folder tests the folder of the same name in `pipelines/`; `trainer/` here tests `trainer/`."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The root of the repository."""
