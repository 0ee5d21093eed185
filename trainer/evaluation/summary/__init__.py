"""What is said of a finished run, on the terminal and in its pages."""
