"""Tradewind: crypto trading bots from one manifest.

Reading order: `domain` (the rules of trading, no I/O), `contracts` (the manifest and the messages), `catalog` and
`plan` (which services exist and what runs where), `kernel` (how a service lives: bus, store, telemetry), one folder
per service, then `topology` and `cli`. A layer imports only what stands to its left in that sentence; import-linter
holds it.
"""

__version__ = "0.1.0"
