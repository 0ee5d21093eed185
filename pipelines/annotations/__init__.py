"""What people or models say about stretches of videos, in the forms of other tools."""
