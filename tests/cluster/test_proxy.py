"""The proxy passes on what it is given, and misbehaves exactly as it is told."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from tests.cluster.clients import KubectlError
from tests.cluster.components import API_SERVER
from tests.cluster.proxy import Proxy


class Client:
    """A client of the API server that goes through the proxy with the token of a service account."""

    def __init__(self, proxy, namespace, token, certificates):
        self._address = proxy.url.removeprefix("https://")
        self._context = ssl.create_default_context(cafile=certificates / "authority.crt")
        self._path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    @contextlib.contextmanager
    def send(self, method="GET", suffix="", body=None):
        connection = http.client.HTTPSConnection(self._address, timeout=20, context=self._context)
        with contextlib.closing(connection):
            content = None if body is None else json.dumps(body)
            connection.request(method, self._path + suffix, content, self._headers)
            yield connection.getresponse()

    def status(self):
        with self.send() as answer:
            answer.read()
            return answer.status

    def create(self, name):
        with self.send("POST", body={"metadata": {"name": name}}) as answer:
            answer.read()
            return answer.status

    def watch(self):
        """A watch from now on."""
        with self.send() as answer:
            version = json.loads(answer.read())["metadata"]["resourceVersion"]
        return self.send(suffix=f"?watch=1&resourceVersion={version}")


def event(answer):
    """Type and name (or code) of the next event of a watch; None at its end."""
    line = answer.readline()
    if not line:
        return None
    told = json.loads(line)
    return told["type"], told["object"].get("code") or told["object"]["metadata"]["name"]


@pytest.fixture
def token(control_plane, namespace):
    control_plane.kubectl("-n", namespace, "create", "serviceaccount", "bot")
    role = ("rolebinding", "bot", "--clusterrole=edit", f"--serviceaccount={namespace}:bot")
    control_plane.kubectl("-n", namespace, "create", *role)
    return control_plane.token_for(namespace, "bot")


@pytest.fixture
def client(proxy, namespace, token, control_plane):
    return Client(proxy, namespace, token, control_plane.certificates)


def exists(control_plane, namespace, name):
    return control_plane.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}")[0] == 200


def test_kubectl_works_through_it(control_plane, namespace, proxy, token):
    """A client that knows nothing of the proxy is who it was, with the rights it had."""
    kubeconfig = control_plane.kubeconfig_for(namespace, "bot", server=proxy.url)

    control_plane.kubectl("create", "configmap", "made", "--from-literal=a=b", kubeconfig=kubeconfig)

    assert exists(control_plane, namespace, "made")
    assert f"system:serviceaccount:{namespace}:bot" in control_plane.kubectl("auth", "whoami", kubeconfig=kubeconfig)
    with pytest.raises(KubectlError, match="cannot list resource"):
        control_plane.kubectl("get", "nodes", kubeconfig=kubeconfig)


def test_it_refuses_the_share_it_was_told_to(client, proxy, control_plane, namespace):
    """Refused requests never reach the API server, and 429 says how long to wait."""
    proxy.fail(503, share=0.5)
    statuses = [client.status() for _ in range(40)]
    assert 10 < statuses.count(503) < 30
    assert {200, 503} == set(statuses)

    proxy.heal()
    proxy.fail(429, retry_after=7, matching=lambda method, path: method == "POST")
    with client.send("POST", body={"metadata": {"name": "never"}}) as answer:
        assert ("7", "TooManyRequests") == (answer.headers["Retry-After"], json.loads(answer.read())["reason"])
    assert 200 == client.status()
    assert not exists(control_plane, namespace, "never")
    assert statuses.count(503) == proxy.answers[503]

    proxy.heal()
    assert 201 == client.create("after")


def test_the_same_seed_refuses_the_same_requests(control_plane, namespace, token):
    """A failure that was seen once can be had again."""

    def statuses(seed):
        with Proxy(control_plane.url, control_plane.certificates, seed) as proxy:
            proxy.fail(500, share=0.5)
            client = Client(proxy, namespace, token, control_plane.certificates)
            return [client.status() for _ in range(30)]

    assert statuses(1) == statuses(1) != statuses(2)


def test_an_answer_can_be_lost_after_the_work_was_done(client, proxy, control_plane, namespace):
    """The client does not know that its object was made."""
    proxy.lose_answers(matching=lambda method, path: method == "POST")

    with pytest.raises((ConnectionError, http.client.HTTPException)):
        client.create("made")

    assert exists(control_plane, namespace, "made")
    assert 1 == proxy.answers[0]


def test_a_watch_is_passed_on_and_can_be_dropped(client, proxy):
    """Events come as they happen; a dropped watch ends as if the API server had ended it."""
    with client.watch() as answer:
        client.create("first")
        assert ("ADDED", "first") == event(answer)

        assert 1 == proxy.drop_watches()

        assert event(answer) is None
    assert 1 == proxy.watches_begun


def test_a_watch_can_begin_too_late(client, proxy):
    """The next watch is told 410 Gone, the one after that is in order."""
    with client.watch() as answer:
        assert 1 == proxy.expire_watches(1)
        assert event(answer) is None

    with client.watch() as answer:
        assert ("ERROR", 410) == event(answer)
        assert event(answer) is None
    with client.watch() as answer:
        client.create("later")
        assert ("ADDED", "later") == event(answer)


def test_events_can_be_held_back(client, proxy, control_plane, namespace):
    """While they are held the connection is silent and all else works; then all of them come, in order."""
    with client.watch() as answer:
        proxy.hold_events()
        client.create("first")
        client.create("second")
        assert exists(control_plane, namespace, "second")
        answer.fp.raw._sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            answer.fp.raw._sock.recv(1)
        answer.fp.raw._sock.settimeout(20)

        proxy.release_events()

        assert [("ADDED", "first"), ("ADDED", "second")] == [event(answer), event(answer)]


def test_connections_can_be_cut(client, proxy):
    """A watch breaks off in the middle, and new requests are served."""
    with client.watch() as answer:
        assert 1 == proxy.cut_connections()

        with pytest.raises((ConnectionError, http.client.HTTPException)):
            answer.read()
    assert 200 == client.status()


@pytest.mark.parametrize("answered", [True, False])
def test_it_can_stop_after_a_number_of_requests(client, proxy, control_plane, namespace, answered):
    """The last one is done, and told or not; nothing after it reaches the API server, until all is well again."""
    proxy.stop_after(2, lambda method, path: method == "POST", answer_last=answered)
    assert 201 == client.create("first")
    assert 200 == client.status(), "what does not match is not counted"

    if answered:
        assert 201 == client.create("second")
    else:
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            client.create("second")

    assert proxy.stopped.wait(10)
    assert exists(control_plane, namespace, "second")
    with ThreadPoolExecutor(1) as another:
        held = another.submit(client.create, "third")
        wait({held}, timeout=0.5)
        assert not held.done()
        proxy.heal()
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            held.result(120)
    assert not exists(control_plane, namespace, "third")
    assert 201 == client.create("fourth")


def test_it_ends_though_the_api_server_does_not_say_goodbye(control_plane, namespace, token):
    """A connection that was left open would be told of in another test, by whoever collects it."""
    with Proxy(control_plane.url, control_plane.certificates) as proxy:
        client = Client(proxy, namespace, token, control_plane.certificates)
        with client.watch():
            control_plane.pause(API_SERVER)
            proxy.drop_watches()
    control_plane.resume(API_SERVER)
    assert 0 == proxy.connections
