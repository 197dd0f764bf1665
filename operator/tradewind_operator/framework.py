"""kopf, without what it would bring along.

kopf imports the official `kubernetes` client wherever that is installed, to be able to recognise its objects; that is
a third of this process's memory for something that is never used here. So it is imported as if the client were not
there. Everybody who needs kopf imports it from here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_CLIENTS = ("kubernetes", "kubernetes_asyncio", "pykube")


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Modules that are not loaded yet cannot be imported in here; those that are, stay."""
    blocked = [name for name in names if name not in sys.modules]
    for name in blocked:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in blocked:
            del sys.modules[name]


with _absent(*_CLIENTS):
    import kopf

__all__ = ["kopf"]
