"""Trits in threes: the tables of the array `tables`, their addresses and their signs.

A table holds the sums t0 x0 + t1 x1 + t2 x2 of three codes for one of each two opposite triples
of trits. Plain Python, shared by compiler and gateware.
"""

PLACES = 3  # codes of a group
ADDRESS_BITS = 4
TRIPLE_BITS = ADDRESS_BITS + 1  # and a sign

# (place, sign): entry n + 1 is entry n with the code of this place added once more. Entry 0 is 0.
# A path through one of each two opposite triples.
STEPS = ((0, 1), (1, 1), (0, -1), (0, -1), (2, 1), (0, 1), (0, 1), (1, -1), (0, -1), (0, -1),
         (1, -1), (0, 1), (0, 1))


def _walk():
    triples = [(0, 0, 0)]
    for place, sign in STEPS:
        triples.append(tuple(t + sign * (k == place) for k, t in enumerate(triples[-1])))
    return tuple(triples)


ENTRIES = _walk()  # the triple of each address


def address_table():
    """{triple of trits: (address, negative)} of all 27."""
    known = {triple: (address, 0) for address, triple in enumerate(ENTRIES)}
    return {tuple(-t for t in triple): (address, 1) for triple, (address, _) in known.items()} \
        | known


def group_count(inputs):
    return -(-inputs // PLACES)


def input_places(inputs, vector):
    """(group, place) of each of `inputs` codes that arrive `vector` a beat.

    A code of each of three beats makes a group, so that the place of a code is that of its beat
    and one small memory a group takes them; what is left over of one or two beats follows in
    threes.
    """
    whole = inputs // (PLACES * vector) * vector  # groups of three beats
    result = []
    for n in range(inputs):
        beat, lane = divmod(n, vector)
        rest = n - PLACES * whole
        result.append((beat // PLACES * vector + lane, beat % PLACES) if rest < 0
                      else (whole + rest // PLACES, rest % PLACES))
    return result


def left_sibling(group):
    """The first group of the subtree to whose right that of `group` hangs; 0 for group 0.

    In a tree that adds neighbours, `group` begins exactly one right subtree.
    """
    return group & (group - 1)
