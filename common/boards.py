"""Which machine each board carries; boards/ has the rest of what is known of them."""

from .config import preset

PRESET_OF = {
    "ulx3s-12f": "sdram16-compact",
    "ulx3s-25f": "sdram16-compact",
    "ulx3s-45f": "sdram16",
    "ulx3s-85f": "sdram16",
    "ulx3s-85f-resident": "resident",
    "ecp5-5g-evn": "resident",
    "icesugar-pro": "sdram16-compact",
    "icepi-zero": "sdram16-compact",
    "colorlight-5a75b": "sdram32-compact",
}


def config_of(name):
    """Config of the machine on the board called `name`."""
    return preset(PRESET_OF[name])
