"""What the README shows is what happens: its output is compared with a run, its commands with the tools."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def shown(text):
    """Lines without trailing blanks, empty lines and the report's own path."""
    return [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("report: ")]


def test_the_output_of_make_run_is_the_real_one(tmp_path):
    """Every figure on the first screen comes from the command above it."""
    target = subprocess.run(["make", "-n", "run"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    command = next(line for line in target.splitlines() if "tradewind run" in line).split()[1:]
    ran = subprocess.run(
        [sys.executable, "-c", "from tradewind.cli.main import main; main()", *command],
        cwd=ROOT,
        env={**os.environ, "TRADEWIND_STATE_DIRECTORY": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    (block,) = [block for block in BLOCKS if "default/quickstart" in block and "win rate" in block]

    assert shown(block) == shown(ran.stdout)
    assert "" == ran.stderr


def test_every_make_target_that_the_docs_name_exists():
    """No document sends a reader to a target that is not there."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {
        name
        for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
        for name in re.findall(r"`?make ([a-z][a-z-]+)`?", document.read_text())
        if f"`make {name}" in document.read_text() or f"\nmake {name}" in document.read_text()
    }

    assert named <= targets
    assert {"run", "serve", "test", "check", "bench"} <= named


def test_every_command_that_the_readme_names_exists():
    """The command lines in the README parse: the commands and options are the tool's."""
    lines = [line for block in BLOCKS for line in block.splitlines() if line.startswith(".venv/bin/tradewind")]
    assert len(lines) >= 4
    for line in lines:
        words = [word for word in line.split()[1:] if not word.startswith(("-", "'", "spec.")) and "." not in word]
        options = set(re.findall(r"(--?[a-z-]+)(?= |$)", line.split("tradewind", 1)[1]))
        helped = subprocess.run(
            [
                sys.executable,
                "-c",
                "from tradewind.cli.main import main; main()",
                *[w for w in words if w.isalpha()][:2],
                "--help",
            ],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        ).stdout

        assert [] == [option for option in options if option not in helped], line


def test_links_inside_the_repository_lead_somewhere():
    """Relative links of all documents point at files that are there."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    links = [(doc, link) for doc in documents for link in re.findall(r"\]\(([^)#]+)\)", doc.read_text())]

    assert [] == [(doc.name, link) for doc, link in links if "://" not in link and not (doc.parent / link).exists()]
