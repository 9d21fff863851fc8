"""No login of an address, no secret of a plugin and no formula leaves the program; completions are words."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import CompletionItem, get_completion_class
from msgspec import Struct

from meshtop.cli import completion
from meshtop.cli.main import main
from meshtop.cli.printers import to_csv
from meshtop.sources.auth.credentials import load_now
from meshtop.sources.auth.kubeconfig import find_clusters
from meshtop.sources.auth.remedies import renewal_command

SECRET = "s3cr%40t"
KUBECONFIG = f"""\
current-context: east
clusters: [{{name: e, cluster: {{server: "http://maria:{SECRET}@127.0.0.1:1/base"}}}}]
contexts: [{{name: east, context: {{cluster: e, user: u}}}}]
users: [{{name: u, user: USER}}]
"""


def config(tmp_path: Path, user: str) -> str:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG.replace("USER", user))
    return str(path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("get", "clusters", "-o", "json"), ("get", "clusters", "-o", "wide"), ("get", "clusters", "-o", "yaml"),
        ("get", "clusters", "-o", "csv"), ("doctor",), ("doctor", "-o", "json"), ("get", "workloads"),
        ("shift", "shop/reviews", "--to", "v2=5", "--dry-run"),
    ],
)  # fmt: skip
def test_a_login_in_the_address_is_never_shown(
    arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    log = tmp_path / "log"
    main([*arguments, "--config", "none", "--kubeconfig", config(tmp_path, "{}"), "--timeout", "1s", "--log", str(log)])
    said = capsys.readouterr()
    for text in (said.out, said.err, log.read_text()):
        assert SECRET not in text
        assert "s3cr@t" not in text
    if "json" in arguments and arguments[0] == "get":
        assert json.loads(said.out)["items"][0]["server"] == "http://127.0.0.1:1/base"


@pytest.mark.parametrize(("user", "scheme"), [("{}", "Basic "), ("{token: abc}", "Bearer abc")])
def test_a_login_in_the_address_is_used_unless_the_user_has_another(tmp_path: Path, user: str, scheme: str) -> None:
    (ref,) = find_clusters(kubeconfig=config(tmp_path, user), contexts=(), clusters=(), environ={})
    found = load_now(ref, limit_seconds=10.0)
    assert found.server == "http://127.0.0.1:1/base"
    assert dict(found.headers)["Authorization"].startswith(scheme)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--oidc-client-secret=hush"], ["--oidc-client-secret", "hush"], ["--token=hush more"], ["--password", "hush"],
        ["https://me:hush@issuer.example"], ["--client-secret", "hush", "--login", "spn"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["kubelogin", "/opt/plugin"])
def test_a_plugins_secrets_are_not_in_the_remedy(command: str, arguments: list[str]) -> None:
    found = renewal_command({"command": command, "args": ["get-token", *arguments, "--issuer=x"]})
    assert "hush" not in found
    assert "more" not in found
    assert "get-token" in found


class Item(Struct):
    name: str
    number: float | None
    names: tuple[str, ...]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t=", "\r=", " =", "\uff1d"])
def test_no_cell_is_a_formula(begin: str) -> None:
    hostile = f"{begin}cmd|'/C calc'!A0"
    rows = list(csv.reader(io.StringIO(to_csv(Item, [Item(hostile, -1.5, ("fine", hostile))]))))
    assert rows[1][0].startswith("'")
    assert rows[1][1] == "-1.5"
    assert all(part == "fine" or part.startswith("'") for part in rows[1][2].split(";"))


def test_numbers_stay_numbers() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(Item, [Item("-5", None, ()), Item("+1.5", 1e21, ("a",))]))))
    assert rows[1:] == [["-5", "", ""], ["+1.5", "1e+21", "a"]]


NAMES = ["plain", "two words", "$(touch owned)", "`touch owned`", "a;touch owned", "it's", "*", "a\\b", "a,b", "arn:x"]


def test_bash_puts_names_on_the_line_as_one_word_each(tmp_path: Path) -> None:
    found = get_completion_class("bash")
    assert found is completion._QuotingBash
    program = found(object(), {}, "meshtop", "_MESHTOP_COMPLETE")  # type: ignore[arg-type]
    answers = "\n".join(program.format_completion(CompletionItem(name)) for name in NAMES)
    script = program.source().replace("_meshtop_completion_setup;", "")
    (tmp_path / "meshtop").write_text(f"#!/bin/sh\ncat <<'EOF'\n{answers}\nEOF\n")
    (tmp_path / "meshtop").chmod(0o755)
    run = f"""{script}
COMP_WORDS=(meshtop x); COMP_CWORD=1
_meshtop_completion ./meshtop
for one in "${{COMPREPLY[@]}}"; do eval "printf '%s\\n' $one"; done
"""
    done = subprocess.run(["bash", "--norc", "-c", run], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout.splitlines() == NAMES, done.stderr
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_name_with_control_codes_is_not_offered(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found: Any = get_completion_class(shell)
    hostile = [CompletionItem(value) for value in ("a\nplain,b", "a\x1b[2Jb", "a\tb", "fine")]
    monkeypatch.setattr(found.__mro__[1], "get_completions", lambda *_: hostile)
    program = found(object(), {}, "meshtop", "_MESHTOP_COMPLETE")
    assert [item.value for item in program.get_completions([], "")] == ["fine"]
