"""JSON schemas of all kinds that an API server knows, from its own OpenAPI document, and kubeconform upon them.

Kubeconform alone asks a site for schemas that somebody made of a release; these are of the very server, and its custom
resources are among them. Unknown fields are refused wherever the server does not keep them.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KINDS = "x-kubernetes-group-version-kind"
_OPEN = "x-kubernetes-preserve-unknown-fields"
# The document calls both a string.
_WIDER = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": ["string", "integer"],
    "io.k8s.apimachinery.pkg.api.resource.Quantity": ["string", "number"],
}


def write_schemas(document: dict[str, Any], folder: Path) -> int:
    """Write one file for each kind of the document, and return how many there are."""
    definitions = document["definitions"]
    for name, types in _WIDER.items():
        definitions[name] = {"type": types}
    for definition in definitions.values():
        for schema in list(_nested(definition)):
            if "properties" in schema and not schema.get(_OPEN):
                schema.setdefault("additionalProperties", False)
            if schema.get("x-kubernetes-int-or-string"):
                schema["type"] = ["string", "integer"]
    folder.mkdir(parents=True)
    (folder / "all.json").write_text(json.dumps({"definitions": definitions}))
    written = 0
    for name, definition in definitions.items():
        for kind in definition.get(KINDS, ()):
            group = kind["group"].split(".")[0]
            file = "-".join(filter(None, (kind["kind"], group, kind["version"]))).lower()
            (folder / f"{file}.json").write_text(json.dumps({"$ref": f"all.json#/definitions/{name}"}))
            written += 1
    return written


def kubeconform(program: Path, text: str, folder: Path) -> list[str]:
    """What is wrong with the objects in `text`, a line each, by the schemas in `folder`."""
    location = f"{folder}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
    command = [program, "-strict", "-output", "json", "-schema-location", location, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)["resources"] or []
    return [f"{one['kind']} {one['name']}: {one['msg']}" for one in found]


def _nested(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for below in schema.get("properties", {}).values():
            yield from _nested(below)
        for name in ("items", "additionalProperties"):
            yield from _nested(schema.get(name))
