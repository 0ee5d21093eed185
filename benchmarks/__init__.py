"""Measurements of the pipelines, each a command of its own: see README.md in this folder. Nothing here is installed."""
