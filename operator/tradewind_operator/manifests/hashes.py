"""What restarts pods and what does not, as two hashes.

`config_hash` is of what a running bot reads when it starts. What the operator says to a running bot over HTTP
(`emergencyStop`), what it does around the pods (`suspended`, `deletionPolicy`) and how pods are made (`profile`,
`services`: they show in the pod template itself) is not part of it. Neither is what is as by default: a new version
that brings a new field must not restart everybody.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tradewind.contracts.api.document import brief_document
from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind_operator.manifests.site import Manifest

NOT_READ_AT_START = ("deletionPolicy", "emergencyStop", "profile", "services", "suspended")


def config_hash(bot: TradingBot) -> str:
    """16 hexadecimal digits; equal for bots that start alike."""
    spec = {name: value for name, value in brief_document(bot)["spec"].items() if name not in NOT_READ_AT_START}
    return _digest({"name": bot.metadata.name, "namespace": bot.metadata.namespace, "spec": spec})


def template_hash(deployment: Manifest) -> str:
    """16 hexadecimal digits of the pod template: another one means that Kubernetes makes new pods."""
    return _digest(deployment["spec"]["template"])


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
