"""`tradewind render`: what a bot would run, as the plan says it."""

from __future__ import annotations

from tradewind.cli.options import Bot, Output, OutputOption, Overrides


def render(bot: Bot, overrides: Overrides = None, output: OutputOption = Output.TEXT) -> None:
    """Print the workloads of a bot in its profile."""
    from tradewind.cli.printing import print_document, print_table  # noqa: PLC0415
    from tradewind.contracts.api.document import load_bot  # noqa: PLC0415
    from tradewind.plan import plan  # noqa: PLC0415

    model = load_bot(bot, overrides or ())
    workloads = plan(model)
    if output is Output.TEXT:
        rows = [[w.name, ", ".join(w.services), str(w.replicas), "yes" if w.scalable else "no"] for w in workloads]
        print_table(
            f"{model.key}, profile {model.spec.profile.value}", ["workload", "services", "replicas", "scalable"], rows
        )
        return
    document = {
        "bot": model.key,
        "profile": model.spec.profile.value,
        "workloads": [
            {
                "name": workload.name,
                "services": list(workload.services),
                "ports": dict(workload.ports),
                "replicas": workload.replicas,
                "scalable": workload.scalable,
                "strategy": "Recreate" if workload.recreate else "RollingUpdate",
            }
            for workload in workloads
        ],
    }
    print_document(document, output)
