"""Packets of testbenches: dwords, and beats of natural lanes (docs/pcie.md)."""


def natural(generator, lanes, first, dwords):
    """Beats of `dwords`, the first in lane `first`; something else in the lanes without one."""
    places = [None] * first + list(dwords)
    places += [None] * (-len(places) % lanes)
    beats = [[generator.getrandbits(32) if dword is None else dword
              for dword in places[n:n + lanes]] for n in range(0, len(places), lanes)]
    return [{"dwords": beat, "last": int(n == len(beats) - 1)} for n, beat in enumerate(beats)]


def dwords_of(beats, first, count):
    """The `count` dwords from lane `first` on; as many beats as that takes, the last one marked."""
    lanes = len(beats[0]["dwords"])
    assert len(beats) == -(-(first + count) // lanes), f"{len(beats)} beats of {count} dwords"
    assert [beat["last"] for beat in beats] == [0] * (len(beats) - 1) + [1]
    return [dword for beat in beats for dword in beat["dwords"]][first:first + count]


def line(generator, lanes, dwords, sides):
    """Beats of a block's stream, without gaps; sides: of the first, of those between, of the last;
    of one beat it is the first."""
    count = -(-len(dwords) // lanes)
    beats = []
    for n in range(count):
        part = dwords[n * lanes:(n + 1) * lanes]
        side = sides[0] if n == 0 else sides[2] if n == count - 1 else sides[1]
        beats.append({"dwords": part + [generator.getrandbits(32) for _ in range(lanes - len(part))],
                      "keep": (1 << len(part)) - 1, "last": int(n == count - 1), "side": side})
    return beats
