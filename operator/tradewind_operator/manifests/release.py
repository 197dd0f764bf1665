"""The last resort of a deletion: a Job that cancels or flattens what is open when no execution pod answers.

It is execution's pod with another command: the same image, settings and credentials, run once. It tries once, because
a second try on its own could meet an order that the first one has just sent; the operator says what is still open.
"""

from __future__ import annotations

from tradewind.contracts.api.v1alpha1 import DeletionPolicy, TradingBot, Venue
from tradewind.plan import plan
from tradewind_operator.manifests.names import RELEASE, metadata, pod_labels
from tradewind_operator.manifests.pods import pod_template
from tradewind_operator.manifests.site import Manifest, Site
from tradewind_operator.manifests.volumes import MANIFEST_DIRECTORY, MANIFEST_FILE

DEADLINE_SECONDS = 120
KEPT_SECONDS = 3600
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe", "ports")


def wants_release(bot: TradingBot) -> bool:
    """Whether anything of the bot would outlive it."""
    outlives = any(exchange.venue is not Venue.PAPER for exchange in bot.spec.exchanges)
    return outlives and bot.spec.deletion_policy is not DeletionPolicy.LEAVE


def release_job(bot: TradingBot, site: Site) -> Manifest:
    """The Job `<bot>-release`."""
    workload = next(one for one in plan(bot) if "execution" in one.services)
    template = pod_template(bot, site, workload)
    container = template["spec"]["containers"][0]
    # Its own label: no Service and no Deployment may take its pod for one of execution's.
    template["metadata"]["labels"] |= pod_labels(bot, RELEASE)
    template["spec"] |= {
        "restartPolicy": "Never",
        "containers": [
            {
                **{name: value for name, value in container.items() if name not in _PROBES},
                "name": RELEASE,
                "args": ["release", f"{MANIFEST_DIRECTORY}/{MANIFEST_FILE}"],
            }
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(bot, site, RELEASE, RELEASE),
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": template,
        },
    }
