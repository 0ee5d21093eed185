"""Public datasets: downloading their archives, extracting them safely, and checking their content."""
