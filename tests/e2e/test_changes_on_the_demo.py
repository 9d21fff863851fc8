"""`get changes` and `show`, as a user runs them: a process that starts after the story, over real sockets."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtop.demo.world.plan import Options
from tests.e2e.serving import Served, meshtop, printed, served

pytestmark = pytest.mark.xdist_group("e2e-changes")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    options = Options(clusters=2, services=10)
    with served(tmp_path_factory.mktemp("changes"), "broken-destinationrule", options=options) as here:
        yield here


def run(world: Served, *words: str) -> subprocess.CompletedProcess[str]:
    where = ("--kubeconfig", str(world.kubeconfig), "--context", "us-east", "--context", "eu-west", "--timeout", "60s")
    return meshtop(*words, *where)


def test_the_fields_that_were_promised(world: Served) -> None:
    where = ("--kubeconfig", str(world.kubeconfig), "--context", "us-east", "--timeout", "60s")
    document = printed("get", "changes", *where)
    assert document["kind"] == "ChangeList"
    first = next(item for item in document["items"] if item["kind"] == "DestinationRule")
    promised = "time cluster namespace kind name who how what impact suspicion"
    assert " ".join(list(first)[:10]) == promised
    assert (first["name"], first["who"], first["how"]) == ("payments", "kubectl-edit", "managedFields")
    times = [item["time"] for item in document["items"]]
    assert times == sorted(times, reverse=True)


def test_an_object_is_shown_in_every_cluster(world: Served) -> None:
    told = run(world, "show", "dr", "checkout/payments", "-o", "json")
    document = json.loads(told.stdout)
    assert [item["cluster"] for item in document["items"]] == ["us-east", "eu-west"]
    assert all("managedFields" not in item["object"]["metadata"] for item in document["items"])
    assert told.returncode == 0


def test_a_difference_names_its_fields_and_ends_with_1(world: Served) -> None:
    told = run(world, "show", "destinationrule", "payments", "--diff", "us-east", "eu-west")
    assert told.stdout.splitlines()[0] == "# differs: spec.trafficPolicy.tls"
    assert "-    tls:" in told.stdout
    assert told.returncode == 1
    same = run(world, "show", "vs", "shop/reviews", "--diff", "us-east", "eu-west")
    assert (same.stdout, same.returncode) == ("", 0)
    assert "is the same in us-east and eu-west" in same.stderr


def test_the_history_says_who_wrote_what(world: Served) -> None:
    told = run(world, "show", "dr", "payments", "--history")
    rows = [line.split() for line in told.stdout.splitlines()[1:]]
    assert any(row[0] == "us-east" and "kubectl-edit" in row and "spec.trafficPolicy" in row[-1] for row in rows)
    assert not any(row[0] == "eu-west" and "kubectl-edit" in row for row in rows)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("show", "nonsense", "x"), 2, "No cluster serves a kind nonsense"),
        (("show", "deploy", "shop/nothing"), 1, "There is no Deployment shop/nothing in us-east, eu-west."),
        (("show", "deploy", "a/b/c"), 2, "a/b/c is no name"),
        (("show", "dr", "payments", "--diff", "us-east", "nowhere"), 2, "There is no cluster nowhere"),
        (("show", "dr", "payments", "--at", "-10m"), 2, "Kubernetes keeps no past objects"),
    ],
)
def test_what_cannot_be_is_one_sentence(world: Served, words: tuple[str, ...], code: int, sentence: str) -> None:
    told = run(world, *words)
    assert (told.returncode, told.stdout) == (code, "")
    assert sentence in told.stderr
    assert "Traceback" not in told.stderr


def test_of_a_secret_nothing_is_shown(world: Served) -> None:
    told = run(world, "show", "secret", "istio-system/public-cert")
    assert "ZGVtbwo" not in told.stdout + told.stderr
    assert "(never read)" in told.stdout
    assert Path(world.kubeconfig).exists()
