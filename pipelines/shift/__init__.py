"""Whether two collections differ, and in what: measured by video, tested by permuting groups of videos."""
