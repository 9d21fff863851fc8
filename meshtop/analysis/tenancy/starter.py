"""Generates a first tenancy file from the marks found on namespaces, for a person to review and edit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from meshtop.analysis.tenancy.ownership import NamespaceOwner, Owners

HEADER = """\
# tenancy.yaml: organization → tenants → workspaces → groups, as found by the marks on namespaces.
# Name it in meshtop.yaml (`tenancy: tenancy.yaml`); it overrides the marks.
# A selector is CLUSTER/NAMESPACE: `*` for every cluster; `*` or a prefix such as shop-* for namespaces.
# A namespace belongs to one workspace. `meshtop config validate` checks it.
"""


def first_tenancy(owners: Owners, organization: str = "organization") -> str:
    """The text of the file; namespaces whose marks disagree, and those without any, are listed in comments."""
    found = owners.all_known()
    tenants: dict[str, list[tuple[str, str]]] = {}
    unclear: list[tuple[str, str]] = []
    unmarked: list[tuple[str, str]] = []
    for place, owner in sorted(found.items()):
        if len(owner.tenants) == 1:
            tenants.setdefault(_name(owner.tenants[0]), []).append(place)
        else:
            (unclear if owner.tenants else unmarked).append(place)
    lines = [HEADER, f"organization: {json.dumps(organization)}"]
    lines.append("tenants:" if tenants else "tenants: []")
    for tenant, places in sorted(tenants.items()):
        lines += [f"  - name: {json.dumps(tenant)}", "    workspaces:", f"      - name: {json.dumps(tenant)}"]
        lines.append("        namespaces:")
        lines += [f"          - {json.dumps(selector)}" for selector in _selectors(places, found)]
    lines.append('bindings: []   # - {role: reader, subjects: ["user:maria"], on: tenant/NAME}')
    for title, places in (("Marks disagree on these", unclear), ("Nothing marks these", unmarked)):
        if places:
            lines += ["", f"# {title}; put them where they belong:"]
            lines += [f"#   {_said(place, found[place])}" for place in places]
    return "\n".join(lines) + "\n"


def _name(tenant: str) -> str:
    return re.sub(r"[/:]", "-", tenant.strip()) or "unnamed"


def _selectors(places: Iterable[tuple[str, str]], found: dict[tuple[str, str], NamespaceOwner]) -> list[str]:
    """Selectors `*/NAME` where a name has the same owner in every cluster that has it, else one per cluster."""
    mine = set(places)
    everywhere = {name for _, name in mine if all(place in mine for place in found if place[1] == name)}
    short = {f"*/{name}" for name in everywhere}
    return sorted(short | {f"{cluster}/{name}" for cluster, name in mine if name not in everywhere})


def _said(place: tuple[str, str], owner: NamespaceOwner) -> str:
    text = " ".join("/".join(place).split())
    return f"{text}: {', '.join(f'{m.name} says {m.tenant}' for m in owner.marks)}" if owner.marks else text
