"""Trits in threes: the tables of the array `tables`, their addresses and their signs.

A table holds the sums t0 x0 + t1 x1 + t2 x2 of three codes for one of each two opposite triples
of trits. Plain Python, shared by compiler and gateware.
"""

PLACES = 3  # codes of a group
ADDRESS_BITS = 4
TRIPLE_BITS = ADDRESS_BITS + 1  # and a sign
ROW_BITS = 16  # of the number of a matrix's last row

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

    First what makes no three whole beats, in threes of neighbours, which are the last groups; then
    as many beats of codes of place 0, of place 1 and of place 2, so that a group has a lane and one
    small memory takes its codes, and the codes that a walk needs first come first. Only the last
    group may have fewer than three codes.
    """
    rest = inputs % (PLACES * vector)
    groups = (inputs - rest) // PLACES  # of whole beats
    result = [(groups + n // PLACES, n % PLACES) for n in range(rest)]
    for n in range(inputs - rest):
        place, group = divmod(n, groups)
        result.append((group, place))
    return result


def neighbours_in_turn(inputs, vector):
    """Whether the codes of neighbours are written one place a clock: when they are one beat, and
    the next such beat leaves the time."""
    return inputs % (PLACES * vector) == vector and inputs // vector > PLACES


def last_beat(beats, place):
    """The beat of a chunk of `beats` beats with which the codes of `place` are complete."""
    return beats - 1 - (PLACES - 1 - place) * (beats // PLACES)


def left_sibling(group):
    """The first group of the subtree to whose right that of `group` hangs; 0 for group 0.

    In a tree that adds neighbours, `group` begins exactly one right subtree.
    """
    return group & (group - 1)
