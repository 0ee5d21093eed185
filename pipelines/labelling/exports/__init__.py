"""Finished labels in the forms that other programs read."""
