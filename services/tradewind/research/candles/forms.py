"""The forms in which candles of a pair and timeframe stand in a file, each with its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tradewind.domain.errors import ConfigError
from tradewind.market_data.adapters.catalogue import named_file


@dataclass(frozen=True, slots=True)
class Form:
    """How files are named: what stands between base and quote, and the ending."""

    name: str
    separator: str
    ending: str

    def file_name(self, pair: str, timeframe: str) -> str:
        """The name of the file; raises `ConfigError` for a pair that no file can be named by."""
        spot, _, settle = pair.partition(":")
        futures = (f"_{settle}", "-futures") if settle else ("", "")
        name = f"{spot.replace('/', self.separator)}{futures[0]}-{timeframe}{futures[1]}{self.ending}"
        if named_file(Path(name)).pair != pair:
            allowed = "capital letters and digits on both sides of the slash, such as BTC/EUR"
            raise ConfigError("pair", pair, allowed, "correct the pair")
        return name


NATIVE = Form("csv", "-", ".csv")
"""The one that is downloaded and imported: it needs no extra, and a bot reads it as it is."""

FORMS = {
    form.name: form
    for form in (
        NATIVE,
        Form("csv.gz", "-", ".csv.gz"),
        Form("parquet", "-", ".parquet"),
        Form("feather", "-", ".feather"),
        Form("freqtrade-feather", "_", ".feather"),
        Form("freqtrade-json", "_", ".json"),
        Form("freqtrade-json.gz", "_", ".json.gz"),
    )
}


def form_of(path: Path) -> str:
    """The name of the form of the file at `path`."""
    separator = "_" if "_" in path.name.partition("-")[0] else "-"
    fitting = [form for form in FORMS.values() if path.name.endswith(form.ending)]
    return next((form.name for form in fitting if form.separator == separator), fitting[0].name if fitting else "")
