"""Instruments that tell what a board draws, and the energy of a run from what they said."""
