"""Clips of time ranges of a video: annotated parts, and the dense windows of a long one."""
