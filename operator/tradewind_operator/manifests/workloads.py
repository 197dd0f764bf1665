"""A workload as Kubernetes runs it: the Deployment, and for what may have replicas who decides their number.

A workload that holds a singleton has one pod, is recreated and never rolled, and has neither an autoscaler nor a
PodDisruptionBudget: a budget over one pod either blocks every drain of its node or allows everything.
"""

from __future__ import annotations

from tradewind.contracts.api.v1alpha1 import Profile, TradingBot
from tradewind.plan import Workload
from tradewind_operator.manifests.names import child_name, metadata, selector
from tradewind_operator.manifests.options import options_of
from tradewind_operator.manifests.pods import pod_template
from tradewind_operator.manifests.site import Manifest, Site

SCALE_UP_WINDOW = 30
SCALE_DOWN_WINDOW = 300


def deployment(bot: TradingBot, site: Site, workload: Workload) -> Manifest:
    """The Deployment; without `replicas` where an autoscaler owns their number, and with 0 where suspended."""
    spec: Manifest = {
        "selector": {"matchLabels": selector(bot, workload.name)},
        "revisionHistoryLimit": 3,
        "strategy": _strategy(workload),
        "template": pod_template(bot, site, workload),
    }
    if bot.spec.suspended or not is_autoscaled(bot, workload):
        spec["replicas"] = 0 if bot.spec.suspended else workload.replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(bot, site, workload.name, workload.name),
        "spec": spec,
    }


def is_autoscaled(bot: TradingBot, workload: Workload) -> bool:
    """Whether an autoscaler owns the number of pods: none is made while the bot is suspended."""
    return workload.scalable and bot.spec.profile is not Profile.MINIMAL and not bot.spec.suspended


def autoscaler(bot: TradingBot, site: Site, workload: Workload) -> Manifest:
    """The HorizontalPodAutoscaler on the processor: quick to add pods, slow to take them away."""
    scaling = options_of(bot, workload).autoscaling
    assert scaling is not None
    target = {"type": "Utilization", "averageUtilization": scaling.target_cpu_utilization}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(bot, site, workload.name, workload.name),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": child_name(bot, workload.name),
            },
            "minReplicas": scaling.min_replicas,
            "maxReplicas": scaling.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": SCALE_UP_WINDOW,
                    "selectPolicy": "Max",
                    "policies": [{"type": "Pods", "value": 2, "periodSeconds": 30}],
                },
                "scaleDown": {
                    "stabilizationWindowSeconds": SCALE_DOWN_WINDOW,
                    "selectPolicy": "Max",
                    "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
                },
            },
        },
    }


def disruption_budget(bot: TradingBot, site: Site, workload: Workload) -> Manifest:
    """The PodDisruptionBudget: a drained node takes one pod at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(bot, site, workload.name, workload.name),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector(bot, workload.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def _strategy(workload: Workload) -> Manifest:
    if workload.recreate:
        return {"type": "Recreate"}
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
