"""Training on the datasets that `pipelines.preprocess` writes."""
