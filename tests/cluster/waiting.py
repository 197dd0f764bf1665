"""How the tests of this folder wait for what nobody tells them: they ask again, the more seldom the longer it takes.

What they ask is answered by programs that have work to do for the very thing that is waited for, on the same two
cores. Asking every twentieth of a second for half a minute makes the half minute longer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

SHORTEST_PAUSE = 0.02
LONGEST_PAUSE = 0.5
_SHARE = 0.1
"""A pause is so much of what was waited for before: the answer is that much late at the most."""


def tries(patience: float) -> Iterator[float]:
    """The seconds waited so far, again and again with pauses between, until they are more than `patience`.

    The last one is more than that, so that whoever asks may say what was missing in the end.
    """
    began = time.monotonic()
    while True:
        waited = time.monotonic() - began
        yield waited
        if waited > patience:
            return
        time.sleep(min(LONGEST_PAUSE, max(SHORTEST_PAUSE, waited * _SHARE)))
