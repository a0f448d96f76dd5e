"""Compiler: checkpoint and Config to a tape, and the clocks that it will take."""
