"""How a figure was obtained, from the best to the weakest; docs/measure.md defines the words."""

ORDER = ("measured", "post-route", "simulated", "predicted", "estimated")
MEASURED, POST_ROUTE, SIMULATED, PREDICTED, ESTIMATED = ORDER
OWN = "this computer"  # of what stands in for a board here; nothing is computed from it


def weakest(*names):
    """The provenance of what is computed from figures with these; ValueError for another word."""
    return ORDER[max(map(ORDER.index, names))]
