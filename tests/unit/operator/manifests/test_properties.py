"""What holds for whatever bot is drawn."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.contracts.api.conftest import DOCUMENTS

from tradewind.contracts.api.document import parse_bot, read_resource
from tradewind.domain.errors import ConfigErrors
from tradewind_operator.manifests import Site, release_job, render
from tradewind_operator.manifests.names import child_name

QUANTITIES = st.fixed_dictionaries(
    {}, optional={"cpu": st.sampled_from(["50m", "0.25", "2"]), "memory": st.sampled_from(["64Mi", "1Gi", "300M"])}
)
TEMPLATES = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.just({"labels": {"team": "a"}, "annotations": {"note": "b"}}),
        "spec": st.fixed_dictionaries(
            {},
            optional={"priorityClassName": st.sampled_from(["high", "low"]), "nodeSelector": st.just({"disk": "ssd"})},
        ),
    },
)
SERVICES = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["gateway", "engine", "strategy", "execution", "sim-exchange"])},
        optional={
            "resources": st.fixed_dictionaries({}, optional={"requests": QUANTITIES}),
            "env": st.just([{"name": "TZ", "value": "UTC"}]),
            "podTemplate": TEMPLATES,
        },
    ),
    max_size=4,
    unique_by=lambda one: one["name"],
)
SITES = st.builds(
    Site,
    image=st.just("tradewind:1"),
    operator_namespace=st.just("tradewind-system"),
    storage_wired=st.booleans(),
    version=st.just("1.0.0"),
    otlp_endpoint=st.none() | st.just("http://jaeger:4318"),
)


@settings(max_examples=60)
@given(document=DOCUMENTS, services=SERVICES, suspended=st.booleans(), site=SITES)
def test_rendering_is_a_function(document, services, suspended, site):
    """The same bot, also as the server has it, gives the same JSON: each object once, each with a namespace."""
    spec = {**document["spec"], "services": services, "suspended": suspended}
    bot = parse_bot({**document, "spec": spec}, "a test")
    try:
        first = [*render(bot, site), release_job(bot, site)]
    except ConfigErrors as refused:
        # Unknown parameters of a strategy, or services of one pod that disagree: told by field, never half rendered.
        told = {error.field.partition("[")[0] for error in refused.errors}
        assert told <= {"spec.strategies", "spec.services", "spec.mode"}
        return
    stored = {**document, "spec": spec, "status": {"conditions": []}}
    stored["metadata"] = {**document["metadata"], "uid": "1", "generation": 3, "generateName": "x-"}
    again = [*render(read_resource(stored), site), release_job(bot, site)]

    assert json.dumps(first) == json.dumps(again)
    assert json.loads(json.dumps(first)) == first
    names = [(one["kind"], one["metadata"]["name"]) for one in first]
    assert len(names) == len(set(names))
    assert all(one["metadata"]["namespace"] == bot.metadata.namespace for one in first)
    assert all(name.startswith(child_name(bot, "")) for _, name in names)
