"""What the objects of a bot are called, and the labels by which they are found.

No child is called by the bot's name alone: a bot `momentum` and a bot `momentum-engine` would then meet, and the
ServiceAccount of a bot called `default` would be the namespace's own. No ending is a part of another after a hyphen,
which is why names of two bots never meet; a test holds that.
"""

from __future__ import annotations

from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.contracts.labels import COMPONENT, INSTANCE, MANAGED_BY, NAME, OPERATOR, PART_OF, PRODUCT, VERSION
from tradewind_operator.manifests.site import Manifest, Site

WHOLE = "bot"
RELEASE = "release"


def child_name(bot: TradingBot, ending: str) -> str:
    """`<bot>-<ending>`: at most 53 characters for the longest bot and the longest ending."""
    return f"{bot.metadata.name}-{ending}"


def selector(bot: TradingBot, component: str | None = None) -> dict[str, str]:
    """The labels that select the pods of a bot, or of one of its workloads; they never change."""
    labels = {NAME: PRODUCT, INSTANCE: bot.metadata.name}
    return labels if component is None else {**labels, COMPONENT: component}


def pod_labels(bot: TradingBot, component: str) -> dict[str, str]:
    """The labels of a pod, without a version."""
    return {**selector(bot, component), PART_OF: PRODUCT, MANAGED_BY: OPERATOR}


def metadata(bot: TradingBot, site: Site, ending: str, component: str) -> Manifest:
    """The metadata of a child."""
    return {
        "name": child_name(bot, ending),
        "namespace": bot.metadata.namespace,
        "labels": {**pod_labels(bot, component), VERSION: label_value(site.version)},
    }


def label_value(version: str) -> str:
    """A version as a label may have it."""
    # A version with local parts (0.1.0+abc) is no label value.
    return version.replace("+", "_")[:63].strip("-_.")
