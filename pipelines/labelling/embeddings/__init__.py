"""The features of windows before a model's last layer, as tables beside the labels."""
