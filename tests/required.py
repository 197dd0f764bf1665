"""What a test needs and cannot have: it is skipped with the reason, or fails where the environment says it must run.

A check that silently did not happen is none, so CI sets the variables.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacking(variable: str, what: str, error: Exception) -> NoReturn:
    """Skip because of `what`; fail where `variable` is 1. `error` says how it can be had."""
    if os.environ.get(variable) == "1":
        pytest.fail(f"{variable}=1, and {what}: {error}", pytrace=False)
    pytest.skip(f"{what}: {error}")
