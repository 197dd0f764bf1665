"""`python -m tests.charts`: writes what is generated of the chart, its documents and the installation in one file."""

from __future__ import annotations

from tests.charts.generated import generated

for path, text in generated().items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
