"""A machine that cannot be a node says why in a sentence; whether that fails the run is said by who runs it."""

from __future__ import annotations

import os
import shutil

import pytest
from tests.node import __main__ as e2e
from tests.node import machine
from tests.node.machine import MachineError, missing_packages, require_machine


@pytest.mark.parametrize(("required", "code"), [("0", 0), ("1", 1)])
def test_without_root_there_is_no_node_and_the_reason_is_said(monkeypatch, capsys, required, code):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("TRADEWIND_REQUIRE_NODE", required)

    assert e2e.main([]) == code

    assert "no node: a node needs root" in capsys.readouterr().err


def test_without_its_control_groups_there_is_no_node(monkeypatch, tmp_path):
    """Those of version 2 are another interface, which this rig does not know."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine, "CGROUPS", tmp_path)
    with pytest.raises(MachineError, match="control groups of version 1"):
        require_machine(lambda _: None)


def test_what_cannot_be_installed_is_named_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    monkeypatch.setattr(machine, "NETWORK_PLUGINS", tmp_path)
    missing = missing_packages()
    assert {"containerd", "containernetworking-plugins", "buildah"} <= set(missing)
    with pytest.raises(MachineError, match=r"fix: install them .*apt-get install --no-install-recommends buildah"):
        machine._install(missing, lambda _: None)
