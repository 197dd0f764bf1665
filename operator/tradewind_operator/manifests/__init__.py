"""From a bot to Kubernetes objects: pure functions of the bot and of what the installation says (`Site`).

`tradewind render` prints what `render` returns and the operator applies it, so what is seen is what will be. Nothing
here asks a cluster, reads a clock or makes a random number, except the makers of keys in `secrets`, which run only when
a bot has none. An object's name is the bot's and what it is for; its labels say the same, so that everything of a bot
is found by one selector.

What the objects promise: only workloads without a singleton have replicas, and a HorizontalPodAutoscaler that owns
their number; every other Deployment is recreated and never rolled, because two engines would trade one account. Pods
meet PodSecurity `restricted`. A pod's template holds no version of the operator, so that a new operator restarts
nobody's pods: `template_hash` is what tests hold it to.
"""

from tradewind_operator.manifests.hashes import config_hash, template_hash
from tradewind_operator.manifests.release import release_job, wants_release
from tradewind_operator.manifests.rendering import render
from tradewind_operator.manifests.secrets import SERVICE_KEY_FILES, service_secret, storage_secret
from tradewind_operator.manifests.site import Manifest, Site
from tradewind_operator.manifests.storage import uses_site_storage

__all__ = [
    "SERVICE_KEY_FILES",
    "Manifest",
    "Site",
    "config_hash",
    "release_job",
    "render",
    "service_secret",
    "storage_secret",
    "template_hash",
    "uses_site_storage",
    "wants_release",
]
