"""The tests: each folder here has those of the folder of that name in `pipelines/`, `trainer/` in its own."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The root of the repository."""
