"""The labels and annotations by which the objects of bots are found, told apart and spoken to on a cluster.

The operator writes most of them, `kubectl tradewind` finds bots' pods by them, and people set `RECONCILE` and
`RESTART` themselves. They never change: what runs is selected by them. Nothing is imported here, because both sides
may read it.
"""

from __future__ import annotations

KUBERNETES_DOMAIN = "app.kubernetes.io/"
"""Labels that Kubernetes recommends."""
OUR_DOMAIN = "tradewind.dev/"

PRODUCT = "tradewind"
"""The value of `NAME` and `PART_OF`."""
BACKTEST = "backtest"
"""The value of `NAME` of what belongs to a Backtest, so that no selector of a bot of its name finds it."""
OPERATOR = "tradewind-operator"
"""The value of `MANAGED_BY`; also who the operator is to the API server, to bots and in traces."""

NAME = f"{KUBERNETES_DOMAIN}name"
INSTANCE = f"{KUBERNETES_DOMAIN}instance"
"""Label: the name of the bot, or of the Backtest."""
COMPONENT = f"{KUBERNETES_DOMAIN}component"
"""Label: the workload or service of the bot that an object is for."""
PART_OF = f"{KUBERNETES_DOMAIN}part-of"
MANAGED_BY = f"{KUBERNETES_DOMAIN}managed-by"
VERSION = f"{KUBERNETES_DOMAIN}version"
METRICS_READER = f"{OUR_DOMAIN}reads-metrics"
"""Label of a pod of anybody: with `true` it reaches the ports of bots, to read their metrics."""

RECONCILE = f"{OUR_DOMAIN}reconcile"
"""Annotation of a bot: `DISABLED` keeps the operator from changing anything of it, deletion apart."""
DISABLED = "disabled"
RESTART = f"{OUR_DOMAIN}restart"
"""Annotation of a bot and of its pods: another value than before replaces all pods, in the order of dependencies."""
RESTART_OF = f"{RESTART}."
"""Begins the annotation that does the same for the pods of one workload, of the name that follows."""
FINALIZER = f"{OUR_DOMAIN}release"
"""Keeps a deleted bot until its orders are dealt with as `deletionPolicy` says."""

APPLIED_HASH = f"{OUR_DOMAIN}applied-hash"
"""Annotation of a child: the hash of the manifest that it was applied from."""
TEMPLATE_HASH = f"{OUR_DOMAIN}template-hash"
"""Annotation of a Deployment: the hash of its pod template; where it changes, pods are replaced."""
CONFIG_HASH = f"{OUR_DOMAIN}config-hash"
"""Annotation of a pod: the hash of what it read at its start."""
MADE_BY = f"{OUR_DOMAIN}made-by"
"""Annotation of a Secret that the operator made."""
