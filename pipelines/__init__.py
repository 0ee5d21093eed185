"""Beam jobs that make datasets of videos and label videos."""

import sys

from pipelines.process import system

system.check()
if sys.argv[:1] == ["-m"]:  # Python is about to start a tool of this package, whose imports take a while
    from pipelines.process import interrupts

    interrupts.install()
