"""What Kubernetes allows, asked of the simulated API server, and why an action is off."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.tenancy.access.permissions import (
    PlannedWrite,
    WritePermission,
    denial_reason,
    denials,
    write_permission,
)
from meshtop.analysis.tenancy.access.rbac import ResourceAttributes, ResourceRule, SubjectRules
from meshtop.analysis.tenancy.access.rights import AccessRules
from meshtop.cli.main import main
from meshtop.sources.auth.kubeconfig import find_clusters
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.kubernetes.rights import rules_of, who_am_i
from meshtop.sources.problem import SourceProblem
from meshtop.views.picture.factory import PictureFactory
from tests.analysis.tenancy.fleets import fleet, tenancy
from tests.demo.kube.conftest import make_app
from tests.demo.kube.running import running

PATCH = ResourceAttributes("patch", "networking.istio.io", "virtualservices")


def config(folder: Path, url: str, token: str) -> str:
    path = folder / f"kubeconfig-{token}"
    path.write_text(
        f"""\
apiVersion: v1
kind: Config
clusters: [{{name: a, cluster: {{server: "{url}"}}}}]
contexts: [{{name: a, context: {{cluster: a, user: u}}}}]
users: [{{name: u, user: {{token: {token}}}}}]
""",
        encoding="utf-8",
    )
    return str(path)


@pytest.fixture
async def connections(tmp_path: Path) -> AsyncIterator[dict[str, Connection]]:
    """Reading connections to one simulated cluster, as its admin and as its viewer."""
    from meshtop.demo.kube.access import admin, viewer

    with running(make_app) as served:
        made = {}
        for account in (admin(), viewer()):
            (ref,) = find_clusters(kubeconfig=config(tmp_path, served.url, account.token), contexts=(), clusters=())
            made[account.name] = Connection(ref)
        yield made
        for connection in made.values():
            await connection.close()


async def test_who_one_is_and_what_one_may(connections: dict[str, Connection]) -> None:
    may = {}
    for name, connection in connections.items():
        identity = await who_am_i(connection)
        assert identity.user == name
        assert identity.groups
        rules = (await rules_of(connection, ["default"]))["default"]
        may[name] = rules.allows(PATCH) is True
        assert rules.allows(ResourceAttributes("list", "", "pods"))
    assert sorted(may.values()) == [False, True]


async def test_the_inventory_says_who_one_is_where_that_is_asked_for(connections: dict[str, Connection]) -> None:
    for name, connection in connections.items():
        asked = KubernetesSource(connection, identify=True)
        await asked.list_all()
        inventory = asked.inventory()
        assert inventory is not None
        assert inventory.identity is not None
        assert inventory.identity.user == name


async def test_a_cluster_that_does_not_say_who_one_is(tmp_path: Path) -> None:
    from aiohttp import web

    async def nothing(request: web.Request) -> web.Response:
        return web.json_response({"message": "the server could not find the requested resource"}, status=404)

    def make() -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", nothing)
        return app

    with running(make) as served:
        (ref,) = find_clusters(kubeconfig=config(tmp_path, served.url, "t"), contexts=(), clusters=())
        connection = Connection(ref)
        with pytest.raises(SourceProblem) as raised:
            await who_am_i(connection)
        assert raised.value.code == 404
        assert connection.requests == 3
        await connection.close()


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (ResourceRule(("patch",), ("networking.istio.io",), ("virtualservices",)), True),
        (ResourceRule(("*",), ("*",), ("*",)), True),
        (ResourceRule(("get",), ("*",), ("*",)), False),
        (ResourceRule(("patch",), ("",), ("virtualservices",)), False),
        (ResourceRule(("patch",), ("*",), ("virtualservices",), ("other",)), False),
        (ResourceRule(("patch",), ("*",), ("virtualservices",), ("reviews",)), True),
    ],
)
def test_rules(rule: ResourceRule, allowed: bool) -> None:
    wanted = ResourceAttributes("patch", "networking.istio.io", "virtualservices", "reviews")
    assert SubjectRules("shop", (rule,)).allows(wanted) is allowed
    assert SubjectRules("shop", (rule,), incomplete=True).allows(wanted) is (True if allowed else None)


@pytest.mark.parametrize(("user", "patch", "said"), [("admin", True, "✓ patch"), ("viewer", False, "✗ patch")])
def test_explain_on_the_command_line_shows_kubernetes_beside_the_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], user: str, patch: bool, said: str
) -> None:
    from meshtop.demo.kube.access import admin, viewer

    (tmp_path / "tenancy.yaml").write_text(
        "tenants: [{name: t, workspaces: [{name: w, namespaces: ['*/default']}]}]\n"
        "bindings: [{role: admin, subjects: ['user:admin', 'user:viewer'], on: organization}]\n",
        encoding="utf-8",
    )
    (tmp_path / "meshtop.yaml").write_text("tenancy: tenancy.yaml\n", encoding="utf-8")
    with running(make_app) as served:
        kubeconfig = config(tmp_path, served.url, {"admin": admin(), "viewer": viewer()}[user].token)
        options = ("--kubeconfig", kubeconfig, "--config", str(tmp_path / "meshtop.yaml"))
        asked = ("access", "explain", user, "shift", "namespace:a/default")
        assert main([*asked, *options]) == 0
        out = capsys.readouterr().out
        assert f"{said} virtualservices.networking.istio.io" in out
        assert f"{user} may shift" in out
        assert main([*asked, "-o", "json", *options]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["allowed"] is True
        first = {"verb": "patch", "resource": "virtualservices.networking.istio.io", "allowed": patch}
        assert told["kubernetes"][0] == first
        other = "viewer" if user == "admin" else "admin"
        assert main(["access", "explain", other, "shift", "namespace:a/default", "-o", "json", *options]) == 0
        assert json.loads(capsys.readouterr().out)["kubernetes"] is None, "of others Kubernetes tells nothing"


EVERYTHING = SubjectRules("shop", (ResourceRule(("*",), ("*",), ("*",)),))
NOTHING = SubjectRules("shop")


def permission(
    cluster: str, *, user: str = "root", read_only: bool = False, rules: SubjectRules | None = EVERYTHING
) -> WritePermission:
    declared = tenancy()
    access = PictureFactory(tenancy=declared, rules=AccessRules(None, declared, user)).access(fleet())
    return write_permission(
        "shift", PlannedWrite(cluster, "shop", PATCH), read_only=read_only, access=access, rules=rules
    )


@pytest.mark.parametrize(
    ("permissions", "one_is_enough", "all_are_needed"),
    [
        ([permission("east"), permission("west")], None, None),
        ([permission("east", rules=None)], None, None),
        ([permission("east", rules=SubjectRules("shop", incomplete=True))], None, None),
        ([permission("east"), permission("west", rules=NOTHING)], None,
         "west does not let you patch virtualservices in shop."),
        ([permission("east", rules=NOTHING), permission("west", rules=NOTHING)], *2 * [
         "east and west do not let you patch virtualservices in shop."]),
        ([permission("east", read_only=True), permission("west", rules=NOTHING)], *2 * [
         "east is read-only here; west does not let you patch virtualservices in shop."]),
        ([permission("east", user="maria"), permission("west", user="maria", rules=NOTHING)], *2 * [
         "The access policy does not let maria shift in shop of east and west."]),
        ([permission("east", user="auto")], *2 * ["east does not say who you are; set access.user in the settings."]),
        ([], None, None),
    ],
)  # fmt: skip
def test_why_an_action_is_off(
    permissions: list[WritePermission], one_is_enough: str | None, all_are_needed: str | None
) -> None:
    assert denial_reason(permissions) == one_is_enough
    assert denial_reason(permissions, needs_all=True) == all_are_needed


_levers = st.lists(
    st.builds(
        permission,
        st.sampled_from(["east", "west"]),
        user=st.sampled_from(["root", "maria", "auto"]),
        read_only=st.booleans(),
        rules=st.sampled_from([None, NOTHING, EVERYTHING]),
    ),
    max_size=4,
)


@given(_levers)
@settings(max_examples=40)
def test_a_key_is_off_where_every_cluster_refuses_and_all_that_refuse_are_named(
    permissions: list[WritePermission],
) -> None:
    off = denial_reason(permissions)
    assert (off is not None) == (bool(permissions) and all(one.denied for one in permissions))
    said = denials(permissions) or ""
    assert all(one.write.cluster in said for one in permissions if one.denied)
    assert bool(said) == any(one.denied for one in permissions)
