"""Pretrained networks that see single frames: what a clip looks like, without its motion."""
