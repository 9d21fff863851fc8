"""Fixes as rows and details show them: their commands name the context of the cluster that is meant."""

from __future__ import annotations

import re

import msgspec
import pytest
from msgspec import structs

from meshtop.views.frame.detail import detail
from meshtop.views.frame.registry import KINDS, view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests import worlds
from tests.analysis.security.mtls.objects import peer_authentication
from tests.views.kinds.test_security import with_objects
from tests.views.picture.test_evidence import istiod

SELECTOR = {"matchLabels": {"app": "reviews"}}


def picture() -> Picture:
    """East with a PeerAuthentication that an older one shadows, and with an istiod that is not ready."""
    older, later = (
        peer_authentication("shop", name, created=created, selector=SELECTOR, mtls={"mode": "STRICT"})
        for name, created in (("older", 1.0), ("later", 2.0))
    )
    east = with_objects(worlds.east(), older, later)
    plane, pod = istiod("east", {})
    assert east.inventory is not None
    namespaces = tuple(
        structs.replace(n, meta=structs.replace(n.meta, labels={**n.meta.labels, "istio.io/rev": "default"}))
        if n.meta.name == "shop"
        else n
        for n in east.inventory.namespaces
    )
    inventory = structs.replace(
        east.inventory,
        namespaces=namespaces,
        controllers=(
            *(c for c in east.inventory.controllers if c.meta.name != "istiod"),
            structs.replace(plane, ready=0),
        ),
        pods=(*east.inventory.pods, structs.replace(pod, ready=False)),
    )
    return Picture(worlds.world(structs.replace(east, inventory=inventory), worlds.west()))


@pytest.mark.parametrize(
    ("kind", "said", "command"),
    [
        ("mtls", "delete peerauthentication", "kubectl --context east-admin delete peerauthentication -n shop later"),
        ("findings", "delete peerauth", "kubectl --context east-admin delete peerauthentication -n shop later"),
        ("controlplanes", "describe pods", "kubectl --context east-admin -n istio-system describe pods"),
    ],
)
def test_a_fix_names_the_context_of_its_cluster(kind: str, said: str, command: str) -> None:
    seen = picture()
    rows = [row for row in view(kind).items(seen, Query(clusters=("east",))) if said in repr(row)]
    assert rows
    for row in rows:
        assert command in msgspec.json.encode(row).decode()
        shown = detail(seen, kind, view(kind).key(row))
        assert command in repr(shown)


COMMAND = re.compile(r"\b(?:kubectl|istioctl) (?!--context|proxy-|analyze)[-a-z][^|;`()\\\n]*")
"""A command that could be pasted; what istioctl can tell is only named, in a sentence."""


def _without_context(said: str) -> list[str]:
    return [found[0] for found in COMMAND.finditer(said) if "--context" not in found[0]]


def test_no_row_and_no_page_of_any_kind_has_a_command_for_the_current_context() -> None:
    """Which cluster the current context leads to is not known when a fix is pasted."""
    seen = picture()
    checked = 0
    for kind in KINDS:
        for row in view(kind.name).all_items(seen):
            said = msgspec.json.encode(row).decode() + repr(detail(seen, kind.name, view(kind.name).key(row)))
            checked += "kubectl" in said or "istioctl" in said
            assert _without_context(said) == [], kind.name
    assert checked >= 5
    everything = repr(view("findings").all_items(seen))
    assert "IST0123" in everything, "a namespace with both kinds of labels has a fix that is a command"
