"""Whether what strategies written for freqtrade import is there: pandas and TA-Lib, which are an extra."""

from __future__ import annotations

from tradewind.domain.errors import ConfigError

FIX = "pip install 'tradewind[freqtrade]', or build the image with --build-arg EXTRAS=freqtrade"


def check_installed(field: str) -> None:
    """Say what to install before a traceback would. Raises `ConfigError` about `field`."""
    try:
        import pandas  # noqa: F401, ICN001, PLC0415
        import talib  # noqa: F401, PLC0415
    except ImportError as error:
        raise ConfigError(field, f"no {error.name}", "the extra freqtrade", FIX) from error
