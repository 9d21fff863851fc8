"""An explanation of the access policy as lines of text, for the command line and the console's explainer."""

from __future__ import annotations

from collections.abc import Iterable

from meshtop.analysis.access.decision import Explanation
from meshtop.analysis.access.policy import Prohibition
from meshtop.views.text import clean


def explanation_lines(explanation: Explanation) -> list[str]:
    """The sentence, then for each policy class the ways that grant, then what takes away."""
    lines = [clean(explanation.sentence)]
    for name, ways in explanation.grants.items():
        lines.append("")
        if not ways:
            lines.append(f"✗ {clean(name)}: nothing grants it.")
            continue
        lines.append(f"✓ {clean(name)}: granted by {len(ways)} {'way' if len(ways) == 1 else 'ways'}")
        for way in ways:
            lines.append(
                f"    {_path(way.user_path)}  ─[{', '.join(map(clean, way.rights))}]→  {_path(way.object_path)}"
            )
    if explanation.prohibitions:
        lines.append("")
        lines += [f"✗ {_taken(prohibition)}" for prohibition in explanation.prohibitions]
    return lines


def _path(names: Iterable[str]) -> str:
    return " → ".join(map(clean, names))


def _taken(prohibition: Prohibition) -> str:
    rights = ", ".join(sorted(map(clean, prohibition.rights)))
    joint = " and " if prohibition.conjunctive else " or "
    scope = [f"under {clean(name)}" for name in prohibition.include]
    scope += [f"not under {clean(name)}" for name in prohibition.exclude]
    return f"a prohibition takes {rights} from {clean(prohibition.subject)} on what is {joint.join(scope)}"
