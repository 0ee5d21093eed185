"""From what people corrected in other programs to the next manifest."""

FORMS = ("label-studio", "cvat", "activitynet", "csv")
"""Kinds of files that people's corrections come in."""
