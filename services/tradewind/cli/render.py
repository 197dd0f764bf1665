"""`tradewind render`: what a bot would run: the plan as a table, or the objects that the operator applies."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.options import Bot, Live, Output, OutputOption, Overrides

if TYPE_CHECKING:
    from tradewind.contracts.api.v1alpha1 import TradingBot
    from tradewind_operator.manifests import Site

OPERATOR_NAMESPACE = "tradewind-system"


def render(
    bot: Bot,
    overrides: Overrides = None,
    output: OutputOption = Output.TEXT,
    image: Annotated[
        str | None, typer.Option(help="The image of the pods; without it, tradewind of this version.")
    ] = None,
    live: Live = False,
) -> None:
    """Print the workloads of a bot in its profile; as yaml or json the Kubernetes objects that the operator applies.

    The objects lack what the operator adds when it applies them: their owner, and two Secrets.
    """
    from tradewind.contracts.api.document import load_bot  # noqa: PLC0415

    model = load_bot(bot, overrides or ())
    if output is Output.TEXT:
        _print_plan(model)
        return
    site = _site(image, live=live)
    _print_objects(_objects(model, site), output)
    print(_note(model, site), file=sys.stderr)


def _print_plan(bot: TradingBot) -> None:
    from tradewind.cli.printing import print_table  # noqa: PLC0415
    from tradewind.plan import plan  # noqa: PLC0415

    rows = [[w.name, ", ".join(w.services), str(w.replicas), "yes" if w.scalable else "no"] for w in plan(bot)]
    title = f"{bot.key}, profile {bot.spec.profile.value}"
    print_table(title, ["workload", "services", "replicas", "scalable"], rows)


def _site(image: str | None, *, live: bool) -> Site:
    """An installation as the chart makes it by default; with `live`, one that allows bots of mode Live."""
    from tradewind import __version__  # noqa: PLC0415
    from tradewind_operator.manifests import Site  # noqa: PLC0415

    return Site(
        image=image or f"tradewind:{__version__}",
        operator_namespace=OPERATOR_NAMESPACE,
        storage_wired=True,
        allow_live=live,
        version=__version__,
    )


def _objects(bot: TradingBot, site: Site) -> list[dict[str, Any]]:
    from tradewind_operator.manifests import render as rendered  # noqa: PLC0415

    return list(rendered(bot, site))


def _print_objects(objects: list[dict[str, Any]], output: Output) -> None:
    if output is Output.JSON:
        from tradewind.cli.printing import print_document  # noqa: PLC0415

        print_document({"apiVersion": "v1", "kind": "List", "items": objects}, output)
        return
    import yaml  # noqa: PLC0415

    from tradewind.contracts.api.reading import ManifestDumper  # noqa: PLC0415

    options: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 120, "explicit_start": True}
    sys.stdout.write(yaml.dump_all(objects, Dumper=ManifestDumper, **options))


def _note(bot: TradingBot, site: Site) -> str:
    name = bot.metadata.name
    money = "that bots of mode Live may run" if site.allow_live else "no real money"
    return (
        f"note: the operator adds an owner to each object, and the Secrets {name}-keys (made once) and, where it is"
        f" used, {name}-storage (copied from the installation); assumed are image {site.image}, an operator in"
        f" namespace {site.operator_namespace}, the cluster's default storage class, and {money}"
    )
