"""`config init` asks the clusters, writes what differs from the defaults, and overwrites nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from meshtop.settings.first import FIRST_FILE, FoundCluster, found_file
from meshtop.sources.auth.kubeconfig import KubeconfigError
from tests import worlds
from tests.cli.conftest import Program

FINE = FoundCluster(name="east", context="east-admin", answers=True, endpoint="http://prometheus")
BLIND = FoundCluster(name="west", context="west-admin", answers=True)
SILENT = FoundCluster(name="north", context="north-admin", answers=False, why="timed out\nafter 5 s")


def test_where_everything_is_found_by_itself_nothing_is_set() -> None:
    text = found_file([FINE], tenancy=None)
    assert yaml.safe_load(text) is None
    assert "#   east: http://prometheus" in text
    assert FIRST_FILE.partition("\n\n")[2] in text


def test_what_does_not_answer_or_lacks_a_prometheus_is_written_down() -> None:
    text = found_file([FINE, BLIND, SILENT], tenancy="tenancy.yaml")
    assert yaml.safe_load(text) == {
        "tenancy": "tenancy.yaml",
        "clusters": [{"name": "east", "context": "east-admin"}, {"name": "west", "context": "west-admin"}],
    }
    assert "    # prometheus: {service: istio-system/prometheus:9090}" in text
    assert "#   north: timed out after 5 s" in text


def test_a_name_is_data_wherever_it_stands() -> None:
    odd = FoundCluster(name='a: "b"\n#', context="c\n- d", answers=True)
    found = yaml.safe_load(found_file([odd, SILENT], tenancy=None))
    assert found["clusters"] == [{"name": 'a: "b"\n#', "context": "c\n- d"}]


def test_it_writes_both_files_that_are_valid(meshtop: Program, tmp_path: Path) -> None:
    meshtop.snapshots = (worlds.world(worlds.east(), worlds.west(), worlds.north()),)
    file, owners = tmp_path / "deep" / "meshtop.yaml", tmp_path / "deep" / "tenancy.yaml"
    done = meshtop("config", "init", "--config", str(file))
    assert done.code == 0
    assert done.out.split() == [str(file), str(owners)]
    assert "north" in done.err
    written = yaml.safe_load(file.read_text())
    assert [one["name"] for one in written["clusters"]] == ["east", "west"]
    assert written["tenancy"] == "tenancy.yaml"
    assert yaml.safe_load(owners.read_text())["tenants"]
    before = file.read_text()
    again = meshtop("config", "init", "--config", str(file))
    assert again.code == 2
    assert "already exists and was not changed" in again.err
    assert len(meshtop.sessions) == 1, "nothing is asked for a file that cannot be written"
    assert file.read_text() == before


def test_an_existing_tenancy_file_is_named_and_kept(meshtop: Program, tmp_path: Path) -> None:
    (tmp_path / "tenancy.yaml").write_text("mine")
    file = tmp_path / "meshtop.yaml"
    assert meshtop("config", "init", "--config", str(file)).out.split() == [str(file)]
    assert yaml.safe_load(file.read_text())["tenancy"] == "tenancy.yaml"
    assert (tmp_path / "tenancy.yaml").read_text() == "mine"


def test_without_a_cluster_the_file_explains_everything(meshtop: Program, tmp_path: Path) -> None:
    meshtop.error = KubeconfigError("There is no kubeconfig.")
    file = tmp_path / "meshtop.yaml"
    done = meshtop("config", "init", "--config", str(file))
    assert (done.code, done.out) == (0, f"{file}\n")
    assert done.err == "meshtop: No cluster was asked: There is no kubeconfig.\n"
    assert file.read_text() == FIRST_FILE


@pytest.mark.parametrize("words", [("--tenancy", "--offline")])
def test_options_that_contradict_are_refused(words: tuple[str, ...], meshtop: Program) -> None:
    assert meshtop("config", "init", *words).code == 2
