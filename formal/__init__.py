"""Proofs of what simulation only samples: docs/formal.md says what, `make formal` runs them."""
