"""How a figure was obtained; docs/measure.md defines the words."""

MEASURED, SIMULATED, PREDICTED = "measured", "simulated", "predicted"
OWN = "this computer"  # of what stands in for a board here; nothing is computed from it
