"""The names of the pretrained networks. This module imports nothing."""

NONE = "none"
APPEARANCES = (NONE, "efficientnet-lite0", "mobilenetv3-small", "mobilenetv3-large", "efficientnetv2-b0")
"""No network, or one that was trained on ImageNet: EfficientNet-Lite0 comes from a package, the others from Keras."""
