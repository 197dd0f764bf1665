"""`tradewind services`: the catalog."""

from __future__ import annotations

from tradewind.cli.options import Output, OutputOption


def services(output: OutputOption = Output.TEXT) -> None:
    """List the services, their ports and what flows between them."""
    from tradewind.catalog import CATALOG  # noqa: PLC0415
    from tradewind.cli.printing import print_document, print_table  # noqa: PLC0415

    if output is Output.TEXT:
        rows = [[spec.name, str(spec.port), spec.scaling.value, spec.group.value, spec.summary] for spec in CATALOG]
        print_table(None, ["service", "port", "scaling", "standard group", "what it does"], rows)
        return
    document = [
        {
            "name": spec.name,
            "summary": spec.summary,
            "port": spec.port,
            "scaling": spec.scaling.value,
            "group": spec.group.value,
            "stores": spec.stores,
            "consumes": list(spec.consumes),
            "follows": list(spec.follows),
            "publishes": list(spec.publishes),
            "calls": list(spec.calls),
            "watches": list(spec.watches),
        }
        for spec in CATALOG
    ]
    print_document(document, output)
