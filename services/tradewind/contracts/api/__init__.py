"""The manifest: one model that is both the schema of the `TradingBot` resource and the parser of `bot.yaml`.

`v1alpha1` is the model, with `market` and `trading` for the larger parts of it; `text`, `quantities` and `times` are
the kinds of value that travel as strings. `schema` is the model as one JSON Schema tree; the messages (`explain`), the
`--set` overrides (`overrides`) and the custom resource definition (`crd`) all read it, so what a person is told is
allowed is what is allowed. `document` is the front door: it loads, parses and writes manifests.
"""
