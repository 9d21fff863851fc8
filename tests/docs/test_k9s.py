"""The plugins of docs/k9s.md: of the form that k9s takes, and commands that meshtop takes."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
import yaml

from meshtop.cli.main import cli
from meshtop.console.opening import parse_opening
from tests.docs.test_pages import page

PLUGIN = {
    "type": "object",
    "required": ["shortCut", "description", "scopes", "command"],
    "properties": {
        "shortCut": {"type": "string", "pattern": "^(Shift-|Ctrl-|Alt-)?[A-Za-z0-9]$"},
        "description": {"type": "string", "minLength": 1, "maxLength": 30},
        "scopes": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}, "minItems": 1},
        "command": {"type": "string", "minLength": 1},
        "args": {"type": "array", "items": {"type": "string"}},
        **{key: {"type": "boolean"} for key in ("override", "confirm", "dangerous", "background", "overwriteOutput")},
    },
    "additionalProperties": False,
}
"""What k9s' own schema of plugins.yaml asks of one, and narrower where these need less."""
KNOWN = {"$NAMESPACE", "$NAME", "$CONTEXT", "$KUBECONFIG"}


def plugins() -> dict[str, Any]:
    (block,) = re.findall(r"```yaml\n(.*?)```", page("docs/k9s.md"), flags=re.DOTALL)
    document = yaml.safe_load(block)
    assert set(document) == {"plugins"}
    found: dict[str, Any] = document["plugins"]
    return found


@pytest.mark.parametrize("name", plugins())
def test_a_plugin_is_one_that_k9s_takes_and_a_command_that_meshtop_takes(name: str) -> None:
    plugin = plugins()[name]
    jsonschema.validate(plugin, PLUGIN)
    words = plugin["args"]
    assert set(re.findall(r"\$[A-Z]+", " ".join(words))) <= KNOWN
    filled = [
        word.replace("$NAMESPACE", "shop").replace("$NAME", "reviews").replace("$CONTEXT", "east") for word in words
    ]
    context = cli.make_context("meshtop", list(filled), resilient_parsing=True)
    opening = parse_opening(context.params["opening"])
    assert opening.kind in ("services", "workloads", "namespaces", "canaries")


def test_one_key_has_one_meaning_for_each_scope() -> None:
    keys = [(plugin["shortCut"], scope) for plugin in plugins().values() for scope in plugin["scopes"]]
    assert len(keys) == len(set(keys))
