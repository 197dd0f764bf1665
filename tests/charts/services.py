"""`files/services.yaml` of the chart: which port of which pod Prometheus reads, and which ones the operator asks.

Every port of a process answers with the metrics of the whole process, so one port of each pod is read: that of the
first service in it. Which pods there are is the plan's word for each profile.
"""

from __future__ import annotations

import yaml
from tests.charts.values import ROOT

from tradewind import catalog
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.api.v1alpha1 import Profile
from tradewind.plan import plan
from tradewind_operator.manifests.network import ASKED_BY_OPERATOR

HEADER = "# Made by `make generate` from services/tradewind/catalog.py and the plan; change those instead.\n"


def processes() -> dict[str, str]:
    """Component of a pod -> its first service, for all profiles of a bot that uses every service."""
    bot = load_bot(ROOT / "manifests" / "samples" / "standard.yaml")
    found: dict[str, str] = {}
    for profile in Profile:
        spec = bot.spec.model_copy(update={"profile": profile})
        for workload in plan(bot.model_copy(update={"spec": spec})):
            known = found.setdefault(workload.name, workload.services[0])
            assert known == workload.services[0], f"{workload.name} begins with another service in {profile}"
    return found


def services() -> str:
    """The text of the file."""
    found = processes()
    ports: dict[str, list[str]] = {}
    for component, first in found.items():
        ports.setdefault(first, []).append(component)
    document = {
        "asked": [{"name": name, "port": catalog.service(name).port} for name in ASKED_BY_OPERATOR],
        "processes": [f"{component};{first}" for component, first in found.items()],
        "ports": ports,
    }
    return HEADER + yaml.safe_dump(document, sort_keys=False)
