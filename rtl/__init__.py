"""Gateware of Tritone, in Amaranth: one component a file, named as in docs/architecture.md."""
