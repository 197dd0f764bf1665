"""The report of a run: one HTML file that explains itself, on any machine, without a network and without JavaScript.

A report is read by somebody who was not there, perhaps a year later, on a phone. So it holds everything it shows, its
charts are inline SVG that stretches without blurring its text, colour is never the only carrier of a meaning, and
every figure stands under a name whose definition is `domain.metrics`. `page` puts it together from `chart` (and the
charts drawn with it) and `tables`; text becomes HTML in `markup` alone, where it is escaped.
"""

from __future__ import annotations

from tradewind.research.report.page import write_report
from tradewind.research.report.run import RunReport

__all__ = ["RunReport", "write_report"]
