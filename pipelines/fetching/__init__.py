"""Public datasets: downloading their archives, extracting them safely, and checking what they hold."""
