"""The tables that this process knows: those of every service that it has loaded, and the kernel's.

Beside the port (`kernel.store.base`) and not in it, because a service without tables loads no database.
"""

from __future__ import annotations

from sqlalchemy import MetaData

METADATA = MetaData()
"""Each service adds its own in its `tables.py`."""
