"""`meshtop access`: a user's rights by the access policy; who may call whom by the mesh's policies, and their tests."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from meshtop.cli.access_reach import reach, who
from meshtop.cli.access_test import command as test
from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import common_options
from meshtop.cli.session import Session, once, open_session, say_missing, write
from meshtop.views.picture.asks import OWNERS

if TYPE_CHECKING:
    from meshtop.analysis.tenancy.access.policy import Policy
    from meshtop.analysis.tenancy.access.rbac import SubjectRules
    from meshtop.settings.access import AccessPolicy

FORMATS = ("table", "json", "yaml")


class CheckAnswer(Struct, frozen=True, rename="camel"):
    """The rights of a user on an object; `granted` before prohibitions, by policy class in `byPolicyClass`."""

    user: str
    object: str
    rights: list[str]
    granted: list[str]
    by_policy_class: dict[str, list[str]]
    prohibited_by: list[str]


class KubernetesAnswer(Struct, frozen=True, rename="camel"):
    """Kubernetes' answer on one request that the right requires; null where the cluster's answer was incomplete."""

    verb: str
    resource: str
    allowed: bool | None


class ExplainAnswer(Struct, frozen=True, rename="camel"):
    """The explanation: `grants` has paths by policy class, `missing` the policy classes without a grant.

    `kubernetes` is null unless USER is the current user in the object's cluster, which answers about no others.
    """

    user: str
    right: str
    object: str
    allowed: bool
    sentence: str
    grants: dict[str, list[dict[str, list[str]]]]
    missing: list[str]
    prohibited_by: list[str]
    kubernetes: list[KubernetesAnswer] | None = None


@click.group("access", short_help="A user's rights; who may call whom; tests of AuthorizationPolicies.")
@common_options
def command() -> None:
    """A user's rights by the access policy; who may call whom by the mesh's policies (who, reach), and their tests.

    The access policy is that of the settings (access.policy) with the roles of the tenancy file, or a file:
    --policy FILE. An OBJECT is one that the policy declares, or cluster:NAME, tenant:NAME, workspace:TENANT/NAME,
    group:TENANT/WORKSPACE/NAME, namespace:CLUSTER/NAME.
    """


for _more in (test, who, reach):
    command.add_command(_more)

_policy_option = click.option(
    "--policy", "file", type=click.Path(dir_okay=False), metavar="FILE", help="A policy file."
)
_output_option = click.option("-o", "--output", type=click.Choice(FORMATS), default="table", help="How to print.")


@command.command("check")
@click.argument("user")
@click.argument("object_", metavar="OBJECT")
@_policy_option
@_output_option
@common_options
@click.pass_context
def check(ctx: click.Context, user: str, object_: str, file: str | None, output: str) -> int:
    """Print the rights of USER on OBJECT."""
    from meshtop.analysis.tenancy.access.build import RIGHTS
    from meshtop.analysis.tenancy.access.decision import decide

    _, policy = _policy(ctx, file, object_)
    user = _user(policy, user)
    decision = decide(policy, user, _known(policy, object_), rights=RIGHTS)
    answer = CheckAnswer(
        user,
        object_,
        sorted(decision.rights),
        sorted(decision.granted),
        {name: sorted(rights) for name, rights in decision.by_policy_class.items()},
        sorted({prohibition.subject for prohibition in decision.prohibitions}),
    )
    if output != "table":
        return _structured(output, answer)
    write("\n".join(answer.rights))
    if not answer.rights:
        say(f"meshtop: {user} has no rights on {object_}; `meshtop access explain {user} read {object_}` says why.")
    return 0


@command.command("explain")
@click.argument("user")
@click.argument("right")
@click.argument("object_", metavar="OBJECT")
@_policy_option
@_output_option
@common_options
@click.pass_context
def explain(ctx: click.Context, user: str, right: str, object_: str, file: str | None, output: str) -> int:
    """Print why USER has RIGHT on OBJECT, or what takes it away, or what is missing.

    For a namespace, if USER is your user in its cluster, Kubernetes' own answer is added.
    """
    from meshtop.analysis.tenancy.access.decision import explain_right as explained
    from meshtop.views.reports.access import NEEDS, explanation_lines, kubernetes_lines, place_of_object

    session, policy = _policy(ctx, file, object_)
    user = _user(policy, user)
    found = explained(policy, user, right, _known(policy, object_))
    place = place_of_object(object_)
    rules = _rules(session, user, *place) if place is not None else None
    if output != "table":
        grants = {
            name: [{"user": list(w.user_path), "object": list(w.object_path), "rights": list(w.rights)} for w in ways]
            for name, ways in found.grants.items()
        }
        taking = sorted({prohibition.subject for prohibition in found.prohibitions})
        beside = None
        if rules is not None:
            beside = [KubernetesAnswer(w.verb, w.qualified, rules.allows(w)) for w in NEEDS.get(right, ())]
        return _structured(
            output,
            ExplainAnswer(
                user, right, object_, found.allowed, found.sentence, grants, list(found.missing), taking, beside
            ),
        )
    lines = explanation_lines(found)
    if place is not None and rules is not None:
        lines += kubernetes_lines(right, *place, rules)
    style = session.style(sys.stdout)
    write("\n".join(style.plain(line) for line in lines))
    return 0


def _rules(session: Session, user: str, cluster: str, namespace: str) -> SubjectRules | None:
    """A cluster's rules for the user in a namespace; None if it does not answer, or the current user is another."""
    import asyncio

    from meshtop.sources.kubernetes import KubernetesSource
    from meshtop.sources.problem import SourceProblem

    found: list[SubjectRules] = []

    async def ask() -> None:
        observatory = session.observatory()
        try:
            feed = observatory.feed(cluster)
            source = None if feed is None else feed.kubernetes
            if isinstance(source, KubernetesSource) and (await source.who_am_i()).user == user:
                found.extend((await source.rules([namespace])).values())
        except SourceProblem:
            # What cannot be reached has been said when its objects were asked for.
            return
        finally:
            await observatory.close()

    asyncio.run(ask())
    return found[0] if found else None


def _structured(output: str, answer: CheckAnswer | ExplainAnswer) -> int:
    from meshtop.cli.printers import json_text, to_yaml

    write(json_text(answer) if output == "json" else to_yaml(answer).rstrip("\n"))
    return 0


def _policy(ctx: click.Context, file: str | None, object_: str) -> tuple[Session, Policy]:
    """The policy; clusters are read only if the object belongs to one. Raises CommandError."""
    from meshtop.analysis.tenancy.access.build import build_policy
    from meshtop.settings.access import GENERATED, read_access

    session = open_session(ctx)
    rules = session.pictures.rules
    policy = read_access(file) if file else rules.policy if rules is not None else None
    if policy is None and rules is None:
        raise CommandError(
            "There is no access policy; name one with --policy FILE, or as access.policy in the settings."
        )
    tenancy = session.pictures.tenancy
    built = build_policy(policy, tenancy)
    generated = GENERATED.fullmatch(object_) is not None
    if not generated or (object_ in built.kinds and not object_.startswith("namespace:")):
        return session, built
    return session, _with_clusters(session, policy)


def _with_clusters(session: Session, policy: AccessPolicy | None) -> Policy:
    """The policy with the objects of all clusters."""
    from meshtop.analysis.tenancy.access.build import build_policy
    from meshtop.analysis.tenancy.ownership import owners_of

    pictures = session.pictures
    snapshot = once(session, everything=True, asked=OWNERS)
    say_missing(session, snapshot)
    owners = owners_of(snapshot, pictures.tenancy, pictures.tenant_label)
    return build_policy(policy, pictures.tenancy, owners.all_known(), [cluster.name for cluster in snapshot.clusters])


def _user(policy: Policy, name: str) -> str:
    """The user's name in the policy; `user:maria` is maria. Raises CommandError."""
    from meshtop.analysis.tenancy.access.policy import PolicyNodeKind

    users = sorted(known for known, kind in policy.kinds.items() if kind is PolicyNodeKind.USER)
    plain = name if name in users else name.removeprefix("user:")
    if plain not in users:
        raise CommandError(f"{name} is no user of the policy; there are {_some(users)}.")
    return plain


def _known(policy: Policy, name: str) -> str:
    from meshtop.analysis.tenancy.access.policy import PolicyNodeKind

    objects = [
        known
        for known, kind in policy.kinds.items()
        if kind in (PolicyNodeKind.OBJECT, PolicyNodeKind.OBJECT_ATTRIBUTE)
    ]
    if name not in objects:
        raise CommandError(f"{name} is no object of the policy; there are {_some(sorted(objects))}.")
    return name


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:8]) or "none"
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
