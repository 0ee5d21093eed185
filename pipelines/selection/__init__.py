"""Which segments of finished labels a person should look at."""
