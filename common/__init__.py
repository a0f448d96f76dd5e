"""Facts that hardware, compiler, simulator and host share: plain Python, no dependency."""
