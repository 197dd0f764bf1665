"""What is compiled is kept in the user's cache folder, by the text that it was compiled from.

numba knows a function by the file that it stands in alone. Ours call functions of many files, so the folder's name is
a digest of them all: a changed rule is never met by an old translation.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.extending import overload, register_jitable

from tradewind import domain, research

Function = TypeVar("Function", bound=Callable[..., Any])

_DOMAIN = Path(domain.__file__).parent
_SOURCES = (_DOMAIN, _DOMAIN / "freqtrade", Path(research.__file__).parent / "freqtrade" / "compiled")


def compiled(function: Function) -> Function:
    """A function that only compiled ones call."""
    made: Function = register_jitable(error_model="numpy")(function)
    return made


def stands_for(original: Callable[..., Any]) -> Callable[[Function], Function]:
    """What compiled functions call in place of `original`, which is beyond numba."""

    def standing(function: Function) -> Function:
        overload(original, jit_options={"error_model": "numpy"})(wraps(function)(lambda *_, **__: function))
        return function

    return standing


def kept(function: Function) -> Function:
    """A compiled function that Python calls, without the interpreter's lock; compiled once for all processes."""
    config: Any = numba.config
    compile_to: Any = partial(numba.njit, nogil=True, error_model="numpy")
    before = config.CACHE_DIR
    config.CACHE_DIR = str(_folder())
    made: Function
    try:
        made = compile_to(cache=True)(function)
    except RuntimeError:  # no folder that may be written: each process compiles for itself
        made = compile_to()(function)
    finally:
        config.CACHE_DIR = before
    return made


def _folder() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256()
    for source in sorted(path for folder in _SOURCES for path in folder.glob("*.py")):
        digest.update(source.read_bytes())
    return home / "tradewind" / "compiled" / digest.hexdigest()[:16]
