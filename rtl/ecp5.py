"""The family of FPGAs whose cells some boxes name."""

FAMILY = "ecp5"  # Platform.family of Amaranth's Lattice platforms


def is_ecp5(platform):
    """Whether the design is for an ECP5; `platform`: Amaranth's, None, or a family."""
    return getattr(platform, "family", platform) == FAMILY
