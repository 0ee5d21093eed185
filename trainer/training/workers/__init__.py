"""Several processes that train together, and what ends them."""
