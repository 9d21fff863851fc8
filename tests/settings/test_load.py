from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.console.themes import theme_names
from meshtop.settings.document import ConfigError, KeyPath, parse_document
from meshtop.settings.durations import format_duration, parse_duration
from meshtop.settings.environment import (
    default_path,
    discovery_folder,
    home_folder,
    settings_path,
    state_folder,
    variables,
)
from meshtop.settings.first import FIRST_FILE, write_first_file
from meshtop.settings.load import load_settings
from meshtop.settings.origins import REDACTED, settings_in_force, without_credentials
from meshtop.settings.schema import THEMES, Settings, settings_schema


def write(folder: Path, text: str) -> str:
    path = folder / "meshtop.yaml"
    path.write_text(text)
    return str(path)


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    config = write(tmp_path, "window: 1m\nrefresh: 2s\ntimeout: 9s\n")
    flags: dict[str, tuple[KeyPath, Any]] = {"--window": (("window",), "3m")}
    loaded = load_settings(config=config, environ={"MESHTOP_WINDOW": "2m", "MESHTOP_REFRESH": "7s"}, flags=flags)
    assert (loaded.settings.window, loaded.settings.refresh, loaded.settings.timeout) == (180.0, 7.0, 9.0)
    by_key = {s.key: s for s in settings_in_force(loaded)}
    assert by_key["window"].origin == "--window"
    assert by_key["refresh"].origin == "MESHTOP_REFRESH"
    assert by_key["timeout"].origin == f"{config}:3"
    assert by_key["readOnly"].origin == "default"
    assert by_key["window"].value == "3m"


def test_nested_keys_come_from_the_environment() -> None:
    environ = {
        "MESHTOP_CANARY__MINIMUM_REQUESTS": "500",
        "MESHTOP_CANARY__GUARD__ERRORS": "false",
        "MESHTOP_HEALTH__HTTP5XX_FAILING": "0.5",
        "MESHTOP_TELEMETRY__URL": "https://thanos.example/",
        "MESHTOP_TELEMETRY__HEADERS": "{X-Scope-OrgID: a}",
        "MESHTOP_CLUSTERS": "[{name: east, context: east-admin}]",
        "HOME": "/nowhere",
    }
    settings = load_settings(environ=environ).settings
    assert settings.canary.minimum_requests == 500
    assert settings.canary.guard.errors is False
    assert settings.health.http5xx_failing == 0.5
    assert settings.telemetry is not None
    assert settings.telemetry.headers == {"X-Scope-OrgID": "a"}
    assert settings.clusters[0].context == "east-admin"


def test_what_was_set_is_kept_converted() -> None:
    loaded = load_settings(environ={"MESHTOP_READ_ONLY": "false", "MESHTOP_WINDOW": "2m", "HOME": "/nowhere"})
    assert loaded.data == {"readOnly": False, "window": 120.0}


def test_a_mistyped_variable_is_said_and_a_foreign_one_is_not() -> None:
    environ = {
        "MESHTOP_REFRSH": "3s",
        "MESHTOP_SERVICE_HOST": "10.0.0.1",
        "MESHTOP_PORT_80_TCP_ADDR": "x",
        "HOME": "/x",
    }
    loaded = load_settings(environ=environ)
    assert loaded.notes == ("The environment variable MESHTOP_REFRSH is not a setting; did you mean MESHTOP_REFRESH?",)
    assert loaded.validated == Settings()


ERRORS = [
    ("refresh: 5\n", "line 1: refresh: write a duration with its unit, such as 5s or 5m."),
    ("\nwindow: soon\n", "line 2: window: 'soon' is not a duration; write 30s, 5m or 1h."),
    ("window: 0s\n", "line 1: window: a duration must be longer than zero."),
    ("refresh: 5s\nwindo: 5m\n", "line 2: windo: there is no such setting (did you mean window?)."),
    ("refresh: 5s\nrefresh: 6s\n", "line 2: refresh is already set on line 1; keep one of them."),
    (
        "clusters:\n  - name: a\n    prometheus:\n      url: http://x\n      service: a/y:1\n",
        "line 3: clusters[0].prometheus: give url or service, not both.",
    ),
    (
        "clusters:\n  - name: a\n    prometheus:\n      urll: http://x\n",
        "line 4: clusters[0].prometheus.urll: there is no such setting (did you mean url?).",
    ),
    ("clusters:\n  - context: a\n", "line 2: clusters[0].name: this key is missing."),
    ("clusters:\n  - {name: a}\n  - {name: a}\n", "two clusters are named a; give each its own name."),
    ("canary:\n  minimumRequests: many\n", "line 2: canary.minimumRequests: write a whole number."),
    ("tenancy: 5\n", "line 1: tenancy: write text"),
    ("color: pink\n", "line 1: color: write 'auto', 'always' or 'never'."),
    ("readOnly: maybe\n", "line 1: readOnly: write true or false."),
    ("clusters: east\n", "line 1: clusters: write a list"),
    ("telemetry: x\n", "line 1: telemetry: must be a mapping (key: value)."),
    ("telemetry:\n  clusterLabel: c\n", "line 1: telemetry: url is missing"),
    ("tenantLabel: 5\n", "line 1: tenantLabel: write text"),
    ("canary: {guard: {alpha: 2}}\n", "canary.guard.alpha: write a number below 1."),
    ("canary: {minimumRequests: 0}\n", "canary.minimumRequests: write a number of at least 1."),
    ("apdexMs: .inf\n", "apdexMs: must be a finite number."),
    ("health: {grpcDegraded: 0.5}\n", "health: grpcDegraded (0.5) must not be above grpcFailing (0.1)."),
    ("theme: pink\n", "line 1: theme: there is no theme 'pink'; the themes are dark,"),
    ("clusters:\n  - {name: ''}\n", "line 2: clusters[0].name: must not be empty."),
    ("clusters:\n- name: a\n  prometheus: {url: nowhere}\n", "line 3: clusters[0].prometheus.url: this is not a URL"),
    ("clusters:\n- name: a\n  prometheus: {url: 'http://a:99999'}\n", "this is not a URL"),
    *(
        (
            f"clusters:\n- name: a\n  prometheus: {{service: '{text}'}}\n",
            f"'{text}' is not a Service; write NAMESPACE/NAME:PORT",
        )
        for text in ("prometheus", "a/b", "a/b/c:1", ":9090")
    ),
    ("- a\n", "line 1: the file must hold keys and values, such as `refresh: 5s`."),
    ("a: [\n", "line 2: this is not YAML"),
    ("a: !!python/object:os.system x\n", "this is not YAML"),
    ("keymap: &a\n  x: *a\n", "an anchor that holds itself"),
    ("5: on\n", "line 1: the key 5 must be in quotes"),
    ("on: 5\n", "line 1: on: there is no such setting"),
    ("tenancy:\n  tenants:\n    - name: a/b\n", "line 3: tenancy.tenants[0].name: 'a/b' is not a valid name"),
    ("\na: \x07\n", "line 2: there is a control character here"),
    ("clusters: {}\ncolor: pink\n", "(and 1 more error)"),
]


@pytest.mark.parametrize(("text", "said"), ERRORS)
def test_an_error_names_file_line_and_key_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    config = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_settings(config=config, environ={})
    sentence = str(caught.value)
    assert sentence.startswith(config)
    assert said in sentence
    assert "\n" not in sentence


def test_an_error_of_the_environment_or_a_flag_names_it(tmp_path: Path) -> None:
    config = write(tmp_path, "refresh: 5s\n")
    with pytest.raises(ConfigError, match=r"^MESHTOP_WINDOW: window: 'x' is not a duration"):
        load_settings(config=config, environ={"MESHTOP_WINDOW": "x"})
    flags: dict[str, tuple[KeyPath, Any]] = {"--timeout": (("timeout",), "fast")}
    with pytest.raises(ConfigError, match=r"^--timeout: timeout: 'fast' is not a duration"):
        load_settings(config=config, environ={}, flags=flags)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"window: \xc3\x28\n"])
def test_what_is_not_text_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "meshtop.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_settings(config=str(path), environ={})


def test_the_themes_are_those_of_the_console() -> None:
    assert list(THEMES) == theme_names()


def test_a_folder_is_not_a_settings_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(config=str(tmp_path), environ={})


def test_which_file_is_read(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": "/nowhere"}
    assert settings_path(None, environ) is None
    found = tmp_path / "meshtop" / "meshtop.yaml"
    found.parent.mkdir()
    found.write_text("")
    assert settings_path(None, environ) == found
    assert settings_path("none", environ) is None
    assert settings_path(None, {**environ, "MESHTOP_CONFIG": "none"}) is None
    with pytest.raises(ConfigError, match=r"\(MESHTOP_CONFIG\) does not exist"):
        settings_path(None, {**environ, "MESHTOP_CONFIG": "/not/there"})
    with pytest.raises(ConfigError, match=r"\(--config\) does not exist"):
        settings_path("/not/there", environ)
    assert default_path({"HOME": "/home/a", "XDG_CONFIG_HOME": "relative"}) == Path(
        "/home/a/.config/meshtop/meshtop.yaml"
    )


def test_files_named_in_the_file_stand_beside_it(tmp_path: Path) -> None:
    text = "access: {policy: access.yaml}\ntenancy: /abs/tenancy.yaml\nclusters: [{name: a, kubeconfig: ~/k}]\n"
    settings = load_settings(config=write(tmp_path, text), environ={}).settings
    assert settings.access.policy == str(tmp_path / "access.yaml")
    assert settings.tenancy == "/abs/tenancy.yaml"
    assert settings.clusters[0].kubeconfig == str(Path("~/k").expanduser())


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    text = (
        "telemetry:\n  url: https://me:hush@thanos.example/q?token=hush\n"
        "  headers: {Authorization: Bearer hush, X-Scope-OrgID: team-a}\n"
        "  basicAuth: {username: me, password: hush}\n"
    )
    shown = {s.key: s.value for s in settings_in_force(load_settings(config=write(tmp_path, text), environ={}))}
    assert "hush" not in repr(shown)
    assert shown["telemetry.headers.Authorization"] == REDACTED
    assert shown["telemetry.headers.X-Scope-OrgID"] == "team-a"
    assert shown["telemetry.basicAuth.password"] == REDACTED


@pytest.mark.parametrize("url", ["http://[::1", "https://a:b@[::1]:9090/x?k=v", "not a url", ""])
def test_any_url_can_be_shown(url: str) -> None:
    assert "b@" not in without_credentials(url)


def test_the_first_file_is_valid_and_every_commented_key_exists(tmp_path: Path) -> None:
    path = tmp_path / "new" / "meshtop.yaml"
    write_first_file(path)
    assert load_settings(config=str(path), environ={}).settings == Settings()
    with pytest.raises(ConfigError, match="already exists"):
        write_first_file(path)
    unhashed = "\n".join(line.removeprefix("# ") for line in FIRST_FILE.splitlines()[2:])
    unhashed = unhashed.replace("    context: east-admin              # or kubeconfig: FILE", "    context: east-admin")
    document = parse_document(unhashed, path)
    Settings.model_validate(document.data)


def test_the_schema_describes_every_key() -> None:
    schema = settings_schema()
    assert "readOnly" in schema["properties"]
    assert schema["properties"]["refresh"]["type"] == "string"
    assert schema["additionalProperties"] is False


def test_variables_are_named_after_their_keys() -> None:
    known = variables()
    assert known["MESHTOP_READ_ONLY"] == ("readOnly",)
    assert known["MESHTOP_DISCOVERY__ADOPT_CREDENTIALS"] == ("discovery", "adoptCredentials")


@given(st.integers(1, 10**8))
def test_a_duration_reads_back_as_it_was_written(millis: int) -> None:
    assert parse_duration(format_duration(millis / 1000)) == pytest.approx(millis / 1000)


@given(st.text(max_size=60))
def test_any_text_is_a_document_or_one_sentence(text: str) -> None:
    problem = ""
    try:
        parse_document(text, Path("x.yaml"))
    except ConfigError as error:
        problem = str(error)
    assert "\n" not in problem


def test_defaults_do_not_load_the_schema() -> None:
    code = (
        "import sys\nfrom meshtop.settings.load import load_settings\n"
        "loaded = load_settings(environ={'HOME': '/nowhere'})\nassert 'pydantic' not in sys.modules\n"
        "assert loaded.settings.window == 300.0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_state_folder_follows_xdg() -> None:
    assert state_folder({"XDG_STATE_HOME": "/x", "HOME": "/home/me"}) == Path("/x/meshtop")
    assert state_folder({"HOME": "/home/me"}) == Path("/home/me/.local/state/meshtop")
    assert state_folder({"XDG_STATE_HOME": "not/absolute", "HOME": "/home/me"}) == Path("/home/me/.local/state/meshtop")
    account = Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert state_folder({}) == account / ".local" / "state" / "meshtop", (
        "not the HOME of this process, which was not given"
    )


def test_every_error_is_named(tmp_path: Path) -> None:
    file = tmp_path / "meshtop.yaml"
    file.write_text("color: pink\nrefresh: soon\nclusters: {}\nwindoow: 5m\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(config=str(file), environ={})
    assert str(caught.value).endswith("(and 3 more errors).")
    assert [one.partition(": ")[0].rpartition(" ")[2] for one in sorted(caught.value.every)] == ["1", "2", "3", "4"]
    assert all(key in " ".join(caught.value.every) for key in ("color", "refresh", "clusters", "windoow"))


def test_a_list_whose_only_entry_is_wrong_is_not_called_empty_too(tmp_path: Path) -> None:
    file = tmp_path / "meshtop.yaml"
    file.write_text("tenancy: {organization: acme, tenants: [{name: a, workspaces: [{name: b, namespaces: [c]}]}]}")
    with pytest.raises(ConfigError) as caught:
        load_settings(config=str(file), environ={})
    (told,) = caught.value.every
    assert "'c' is not a selector" in told


def test_a_user_without_a_home_has_folders_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_account(_uid: int) -> object:
        raise KeyError("getpwuid(): uid not found")

    assert home_folder({"HOME": "/home/a"}) == Path("/home/a")
    monkeypatch.setattr("pwd.getpwuid", no_account)
    for environ in ({}, {"HOME": ""}):
        assert default_path(environ) == Path("/.config/meshtop/meshtop.yaml")
        assert state_folder(environ) == Path("/.local/state/meshtop")
        assert discovery_folder({**environ, "XDG_CACHE_HOME": "/c"}) == Path("/c/meshtop/discovery")
