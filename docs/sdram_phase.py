"""Prints where the edge of the SDRAM's clock may lie, for docs/sdram.md.

    python docs/sdram_phase.py
"""

from tritone.common.sdram_parts import GIGA, PARTS
from tritone.common.sdram_phase import window

RATES = (100_000_000, 133_000_000)


def main():
    print("| part | MHz | CL | earliest ns | latest ns | middle | margin ns | inverted clock |")
    print("|---|---|---|---|---|---|---|---|")
    for part in PARTS.values():
        for clock_hz in RATES:
            for latency, shortest in part.cas:
                if clock_hz * shortest > GIGA:
                    continue
                found = window(part, clock_hz, latency)
                half = found.period / 2
                inside = float(min(half - found.earliest, found.latest - half))
                print(f"| {part.name} | {clock_hz // 1_000_000} | {latency} "
                      f"| {float(found.earliest):.2f} | {float(found.latest):.2f} "
                      f"| {found.degrees(found.middle):.0f}° | {float(found.margin):+.2f} "
                      f"| {inside:+.2f} |")


if __name__ == "__main__":
    main()
