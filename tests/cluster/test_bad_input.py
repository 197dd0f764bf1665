"""What is wrong in a bot is refused by the real API server, with the field and what is allowed, and by our own parser.

Every malformed document of the parser's tests is sent as server-side apply with strict validation (what
`kubectl apply --server-side` sends, at a hundredth of its price), and a few by kubectl itself. Who refuses what stands
beside each document (`Malformed.server`), so a rule that no longer bites fails here.
"""

from __future__ import annotations

import copy
import json
import re
from hashlib import sha256

import pytest
import yaml
from tests.cluster.clients import KubectlError
from tests.unit.contracts.api.conftest import MALFORMED, MINIMAL, changed

from tradewind.contracts.api.crd import crd
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.api.transitions import FIXED
from tradewind.domain.errors import ConfigError

APPLY = "application/apply-patch+yaml"
REFUSED = [case for case in MALFORMED if case.server in ("Schema", "List", "CEL", "Pruned")]
PLAN_ONLY = [case for case in MALFORMED if case.server == "Nobody" and case.place.startswith("spec.")]
NAME = re.compile(r"[-a-z0-9.]+")
ALLOWED = re.compile(
    r"must (not )?be|must have at most|should have at (most|least)|should match|should be (less|greater) than"
    r"|[Ss]upported values|may not be (longer|more) than|Too long|Required value|Duplicate value|duplicate entries"
    r"|field not declared|allowed|required|expected (map|list|string|numeric|bool)"
    r"|may not have|omits all key fields|an explicit null|Invalid value: \"(null|string|integer)|below"
    r"|a lowercase RFC 1123"
)


def case_id(case):
    return f"{case.field}-{str(case.value)[:20]}"


@pytest.fixture(scope="module")
def bots(control_plane):
    """Sends a bot to the API server: `bots(document)` gives status and message, and keeps nothing."""
    control_plane.kubectl("apply", "--server-side", "-f", "manifests/crds")
    # Not `kubectl wait`: it fails on a definition that has no conditions yet.
    served = "/apis/tradewind.dev/v1alpha1/tradingbots"
    control_plane.wait_until("bots are served", lambda: control_plane.request("GET", served)[0] == 200)
    namespace = control_plane.create_namespace("bad-input")

    def send(document, *, dry_run=True):
        document = copy.deepcopy(document)
        name = document.get("metadata", {}).get("name", "momentum")
        path = f"/apis/tradewind.dev/v1alpha1/namespaces/{namespace}/tradingbots"
        query = "?fieldManager=test&fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        if NAME.fullmatch(str(name)) and "metadata" in document:
            status, answer = control_plane.request("PATCH", f"{path}/{name}{query}&force=true", document, APPLY)
        else:
            # What has no name can be applied to no address: the name itself is refused when it is created.
            status, answer = control_plane.request("POST", path + query, document)
        return status, answer if isinstance(answer, str) else answer.get("message", "")

    send.namespace = namespace
    return send


def last_field(field):
    """The name of the field itself, or of the list whose item it is."""
    return re.findall(r"[A-Za-z]+", field.rpartition("labels")[2] or field)[-1]


@pytest.mark.parametrize("case", REFUSED, ids=case_id)
def test_the_api_server_refuses_with_the_field_and_what_is_allowed(bots, case):
    """A person who applies a bot learns at once what to change."""
    status, message = bots(case.document)

    assert status in (400, 404, 409, 422, 500), message
    assert ALLOWED.search(message), message
    assert last_field(case.field) in message or last_field(case.place) in message, message


@pytest.mark.parametrize("case", REFUSED, ids=case_id)
def test_our_own_parser_refuses_the_same_file(tmp_path, case):
    """On a laptop the same file is refused, before anything starts."""
    file = tmp_path / "bot.yaml"
    file.write_text(yaml.safe_dump(case.document, allow_unicode=True))

    with pytest.raises(ConfigError) as refused:
        load_bot(file)
    assert case.field in str(refused.value)
    assert case.allowed in str(refused.value)


@pytest.mark.parametrize("case", PLAN_ONLY, ids=case_id)
def test_what_only_the_parser_can_see_is_let_through(bots, case):
    """These reach the operator, which says so in a condition: the list is kept honest."""
    status, message = bots(case.document)

    assert status in (200, 201), message


def test_at_least_forty_kinds_of_mistake_are_tried():
    """The issue asks for forty; there are more, of every kind of refusal."""
    assert len(REFUSED) >= 150
    assert {case.server for case in REFUSED} == {"Schema", "List", "CEL", "Pruned"}


def rules(node):
    yield from node.get("x-kubernetes-validations", ())
    for below in (*node.get("properties", {}).values(), *(node[key] for key in ("items",) if key in node)):
        yield from rules(below)


def test_every_rule_of_the_schema_bites(bots):
    """A CEL rule that nothing can violate protects nobody; those of changes are tried below."""
    spec = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    told = "\n".join(bots(case.document)[1] for case in MALFORMED if case.server == "CEL")
    stated = {rule["message"] for rule in rules(spec) if "oldSelf" not in rule["rule"]}
    # That a decimal is at least 0 is said by its pattern, which has no sign; the rule only repeats it.
    silent = {message for message in stated if message not in told and "at least 0, such as" not in message}

    assert len(stated) >= 25
    assert silent == set()


# ------------------------------------------------------------------------------------------------------------- changes


DATABASE = {"postgresSecretRef": {"name": "pg"}}
CHANGES = {
    "exchanges": ("spec.exchanges", [{"name": "binance"}]),
    "venue": ("spec.exchanges.0.venue", "Simulated"),
    "credentials": ("spec.exchanges.0.credentialsSecretRef", {"name": "other-account"}),
    "pairs": ("spec.pairs.include", ["ETH/EUR"]),
    "excluded": ("spec.pairs.exclude", ["BTC/EUR"]),
    "timeframe": ("spec.timeframe", "4h"),
    "currency": ("spec.capital.currency", "USDT"),
    "balance": ("spec.capital.startingBalance", "20000"),
    "path": ("spec.data.path", "sample:other"),
    "span": ("spec.data.span", {"start": "2022-02-01"}),
    "source": ("spec.data", {"source": "Synthetic"}),
}


@pytest.fixture(scope="module")
def stored(bots):
    """A bot that exists: what is sent next is a change of it."""
    status, message = bots({**MINIMAL, "metadata": {"name": "existing"}}, dry_run=False)
    assert status == 201, message


def existing(place, value):
    document = changed(place, value)
    document["metadata"]["name"] = "existing"
    return document


@pytest.mark.parametrize(("place", "value"), CHANGES.values(), ids=CHANGES)
def test_what_orders_and_balances_rest_on_cannot_change(bots, stored, place, value):
    """A bot that woke up with another account, currency or market would count money that is not there."""
    status, message = bots(existing(place, value))
    field = place.split(".")[1]

    assert field in FIXED
    assert status == 422, message
    assert f"spec.{field}" in message
    assert "Create another bot under a new name" in message


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("spec.risk", {"stopLoss": "0.02"}),
        ("spec.strategies", [{"name": "other", "kind": "DonchianBreakout"}]),
        ("spec.profile", "Standard"),
        ("spec.suspended", True),
        ("spec.emergencyStop", True),
        ("spec.deletionPolicy", "Flatten"),
        ("spec.data.speed", "3600"),
        ("spec.services", [{"name": "gateway", "autoscaling": {"maxReplicas": 2}}]),
        ("spec.telemetry", {"otlpEndpoint": "http://jaeger:4318"}),
    ],
)
def test_everything_else_can_change_at_any_time(bots, stored, place, value):
    """What is traded stays; how, how carefully and on which pods does not have to."""
    status, message = bots(existing(place, value))

    assert status == 200, message


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ({"profile": "Full"}, {"profile": "Minimal"}, "profile"),
        ({"profile": "Minimal"}, {"profile": "Standard"}, "profile"),
        ({}, {"storage": DATABASE}, "storage.postgresSecretRef"),
        ({"storage": DATABASE}, {"storage": {"postgresSecretRef": {"name": "other"}}}, "storage.postgresSecretRef"),
        ({"profile": "Minimal", "storage": DATABASE}, {"profile": "Full", "storage": DATABASE}, None),
    ],
)
def test_a_bot_does_not_leave_its_database_behind(bots, before, after, field):
    """Orders that are open at the exchange would be unknown to a bot that starts on an empty database."""
    name = f"moves-{sha256(json.dumps([before, after]).encode()).hexdigest()[:8]}"
    document = {**MINIMAL, "metadata": {"name": name}}
    assert bots({**document, "spec": {**MINIMAL["spec"], **before}}, dry_run=False)[0] == 201
    status, message = bots({**document, "spec": {**MINIMAL["spec"], **after}})

    assert status == (200 if field is None else 422), message
    assert field is None or f"{field} cannot be changed" in message


# ----------------------------------------------------------------------------------------------------- kubectl itself


@pytest.mark.parametrize(
    "place",
    ["spec.profile", "spec.exchanges.0.fees.taker", "spec.timeframe", "sepc", "spec.capital.startingBalance"],
)
def test_kubectl_tells_a_person(control_plane, bots, place):
    """The refusal is what stands in the terminal, and kubectl ends with an error."""
    case = next(one for one in REFUSED if one.place == place)
    document = yaml.safe_dump(case.document)
    with pytest.raises(KubectlError) as refused:
        control_plane.kubectl(
            "apply", "--server-side", "--validate=strict", "-n", bots.namespace, "-f", "-", stdin=document
        )

    assert last_field(case.field) in refused.value.complaint
    assert ALLOWED.search(refused.value.complaint)
