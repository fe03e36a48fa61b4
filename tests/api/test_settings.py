from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.settings import CONFIG_NAME, Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def own_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "project").mkdir()


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    return tmp_path / "project"


def load(cwd: Path, environ: dict[str, str] | None = None, **flags: Any) -> Settings:
    return load_settings(flags, environ or {}, cwd)


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_without_any_setting_the_server_is_on_loopback_and_works_where_it_was_started(cwd: Path) -> None:
    settings = load(cwd)

    assert (settings.host, settings.port, settings.url) == ("127.0.0.1", 8780, "http://127.0.0.1:8780")
    assert settings.roots == (cwd,)
    assert settings.data_dir.name == "towpath"
    assert settings.durability == "power"


def test_flags_win_over_the_environment_over_the_file_over_defaults(cwd: Path, tmp_path: Path) -> None:
    config = write(tmp_path / "some.toml", "port = 21001\nqueue = 7\nstreams = 8\n")
    environ = {"TOWPATH_PORT": "21002", "TOWPATH_QUEUE": "9", "TOWPATH_CONFIG": config, "PATH": "/bin"}

    settings = load(cwd, environ, port=21003, config=None)

    assert (settings.port, settings.queue, settings.streams, settings.header_seconds) == (21003, 9, 8, 10)


def test_flags_that_were_not_given_change_nothing(cwd: Path) -> None:
    assert load(cwd, {"TOWPATH_PORT": "21002"}, port=None, roots=(), open=None).port == 21002


def test_the_users_own_file_is_read_and_one_in_the_working_directory_is_not(cwd: Path, tmp_path: Path) -> None:
    write(cwd / CONFIG_NAME, 'roots = ["/"]\nagent-environment = ["SECRET"]\n')
    write(tmp_path / "config" / "towpath" / CONFIG_NAME, "port = 21001\n")

    settings = load(cwd)

    assert settings.port == 21001
    assert settings.roots == (cwd,)
    assert settings.agent_environment == ()


def test_every_setting_can_stand_in_the_file(cwd: Path, tmp_path: Path) -> None:
    default = msgspec.to_builtins(load(cwd), enc_hook=str)
    lines = [f"{name.replace('_', '-')} = {_toml(value)}" for name, value in default.items()]

    settings = load(cwd, config=write(tmp_path / "some.toml", "\n".join(lines)))

    assert settings == load(cwd)


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case list() | tuple():
            return f"[{', '.join(_toml(item) for item in value)}]"
        case dict():
            return f"{{{', '.join(f'{key} = {_toml(item)}' for key, item in value.items())}}}"
    return f'"{value}"'


def test_every_setting_can_stand_in_the_environment(cwd: Path) -> None:
    default = msgspec.to_builtins(load(cwd), enc_hook=str)
    environ = {
        f"TOWPATH_{name.upper()}": ",".join(value) if isinstance(value, (list, tuple)) else str(value)
        for name, value in default.items()
        if value not in ((), [], {})
    }

    assert load(cwd, environ) == load(cwd)


def test_lists_in_the_environment_are_separated_as_such_lists_are(cwd: Path, tmp_path: Path) -> None:
    (tmp_path / "a,b").mkdir()
    environ = {
        "TOWPATH_ROOTS": f"{tmp_path / 'a,b'}:{cwd}",
        "TOWPATH_PUBLIC_URLS": "https://a.example, http://b.example:8000",
        "TOWPATH_AGENT_ENVIRONMENT": "ONE,TWO",
    }

    settings = load(cwd, environ)

    assert settings.roots == (tmp_path / "a,b", cwd)
    assert settings.public_urls == ("https://a.example", "http://b.example:8000")
    assert settings.agent_environment == ("ONE", "TWO")


def test_relative_paths_count_from_where_they_are_written(cwd: Path, tmp_path: Path) -> None:
    (cwd / "here").mkdir()
    (tmp_path / "etc" / "there").mkdir(parents=True)
    config = write(tmp_path / "etc" / "some.toml", 'roots = ["there"]\ndata-dir = "data"\n')

    assert load(cwd, config=config).roots == (tmp_path / "etc" / "there",)
    assert load(cwd, config=config).data_dir == tmp_path / "etc" / "data"
    assert load(cwd, config=config, roots=("here",)).roots == (cwd / "here",)
    assert load(cwd, {"TOWPATH_DATA_DIR": "data"}).data_dir == cwd / "data"
    assert load(cwd, data_dir="~/data").data_dir == tmp_path / "home" / "data"


def test_roots_are_real_directories_named_once(cwd: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(cwd)

    assert load(cwd, roots=(".", str(tmp_path / "link"), str(cwd))).roots == (cwd,)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("https://Towpath.Example.org", "https://towpath.example.org"),
        ("https://towpath.example.org/", "https://towpath.example.org"),
        ("https://towpath.example.org:443", "https://towpath.example.org"),
        ("http://towpath.lan:80/", "http://towpath.lan"),
        ("https://towpath.example.org:8443", "https://towpath.example.org:8443"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_a_public_url_is_written_as_browsers_write_an_origin(cwd: Path, given: str, written: str) -> None:
    settings = load(cwd, public_urls=(given,))

    assert settings.public_urls == (written,)
    assert settings.url == written


@pytest.mark.parametrize(
    "url",
    [
        "",
        "towpath.example.org",
        "//towpath.example.org",
        "ftp://towpath.example.org",
        "https://",
        "https://*.example.org",
        "https://towpath.example.org/path",
        "https://towpath.example.org?",
        "https://towpath.example.org/?q",
        "https://towpath.example.org#f",
        "https://user@towpath.example.org",
        "https://user:pw@towpath.example.org",
        "https://towpath.example.org:0",
        "https://towpath.example.org:99999",
        "https://towpath.example.org:x",
        "https://towpath.example.org.",
        "https://0.0.0.0:8780",
        "https://[::]",
        "https://bücher.example",
        "https://a b",
        "https://a\n.example",
    ],
)
def test_what_is_no_origin_is_no_public_url(cwd: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="--public-url"):
        load(cwd, public_urls=(url,))


def test_two_public_urls_that_the_host_header_can_not_tell_apart_are_refused(cwd: Path) -> None:
    with pytest.raises(SettingsError, match="told apart"):
        load(cwd, public_urls=("https://a.example:8000", "http://a.example:8000"))

    load(cwd, public_urls=("https://a.example", "https://a.example:443", "https://a.example:8000"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.10", "::ffff:10.0.0.1"])
def test_an_address_that_others_reach_needs_a_public_url(cwd: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="--public-url") as refused:
        load(cwd, {"TOWPATH_HOST": host})
    assert "TOWPATH_HOST" in str(refused.value)

    assert load(cwd, host=host, public_urls=("https://a.example",)).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_a_loopback_address_needs_no_public_url(cwd: Path, host: str) -> None:
    assert load(cwd, host=host).host == host


def test_the_url_of_an_ipv6_address_has_brackets(cwd: Path) -> None:
    assert load(cwd, host="::1").url == "http://[::1]:8780"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"port": "x"}, "--port"),
        ({"port": 0}, "--port"),
        ({"port": 65536}, "--port"),
        ({"host": ""}, "--host"),
        ({"host": "towpath.local"}, "--host"),
        ({"host": "0"}, "--host"),
        ({"roots": ("missing",)}, "--root"),
        ({"roots": ("a file",)}, "--root"),
        ({"roots": ("",)}, "--root"),
        ({"data_dir": "a\0b"}, "--data-dir"),
        ({"trusted_proxies": ("10.0.0.1/8",)}, "--trusted-proxy"),
        ({"trusted_proxies": ("nginx",)}, "--trusted-proxy"),
        ({"allowed_hosts": ("a:80",)}, "--allowed-host"),
        ({"allowed_hosts": ("*",)}, "--allowed-host"),
        ({"allowed_hosts": ("0.0.0.0",)}, "--allowed-host"),
        ({"agent_environment": ("A=1",)}, "--agent-environment"),
        ({"durability": "never"}, "--durability"),
        ({"log_level": "loud"}, "--log-level"),
        ({"heartbeat_seconds": "nan"}, "--heartbeat-seconds"),
        ({"heartbeat_seconds": "inf"}, "--heartbeat-seconds"),
        ({"heartbeat_seconds": 0}, "--heartbeat-seconds"),
        ({"queue": -1}, "--queue"),
        ({"prompt_bytes": 10**9}, "--prompt-bytes"),
        ({"open": "maybe"}, "--open"),
        ({"config": "missing.toml"}, "missing.toml"),
    ],
)
def test_an_error_names_the_flag(cwd: Path, flags: dict[str, Any], says: str) -> None:
    (cwd / "a file").touch()

    with pytest.raises(SettingsError) as refused:
        load(cwd, **flags)

    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"TOWPATH_PORT": "x"}, "variable TOWPATH_PORT: 'x' can't be used: Expected a whole number"),
        ({"TOWPATH_RETENTION_SECONDS": "0"}, "Expected a number > 0"),
        ({"TOWPATH_DURABILITY": "maybe"}, "give one of power, process."),
        ({"TOWPATH_PUBLIC_URLS": "https://a.example, b"}, "'https://a.example, b' can't be used: give a scheme"),
        ({"TOWPATH_TRUSTED_PROXIES": "10.1"}, "such as 10.0.0.0/8"),
        ({"TOWPATH_PORT": ""}, "TOWPATH_PORT is empty"),
        ({"TOWPATH_ROOTS": " "}, "TOWPATH_ROOTS is empty"),
        ({"TOWPATH_PROT": "1"}, "Did you mean `TOWPATH_PORT`?"),
        ({"TOWPATH_NO_AUTH": "1"}, "TOWPATH_NO_AUTH is no setting. Unset it."),
    ],
)
def test_an_error_names_the_environment_variable(cwd: Path, environ: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(cwd, environ)

    assert says in str(refused.value)


def test_the_variables_of_the_commands_are_none_of_the_servers(cwd: Path) -> None:
    assert load(cwd, {"TOWPATH_URL": "https://a.example", "TOWPATH_TOKEN": ""}) == load(cwd)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("port = \nqueue = 1", "line 1"),
        ("\nport = 1\nport = 2\n", "line 3"),
        ('port = "8780"', "key `port`"),
        ("port = true", "key `port`"),
        ("prot = 1", "Did you mean `port`?"),
        ("data_dir = 'x'", "Did you mean `data-dir`?"),
        ("[server]\nport = 1", "no setting `server`"),
        ("roots = []", "key `roots`"),
        ("roots = 'x'", "key `roots`"),
        ("data-dir = 5", "key `data-dir`"),
        ("legacy-sunset = 5", "give a day such as"),
        ("legacy-sunset = '2027-02-30'", "give a day such as"),
        ("legacy = 'on'", "give one of bridge, redirect, off"),
    ],
)
def test_an_error_names_the_place_in_the_file(cwd: Path, tmp_path: Path, text: str, says: str) -> None:
    config = write(tmp_path / "some.toml", text)

    with pytest.raises(SettingsError) as refused:
        load(cwd, config=config)

    assert says in str(refused.value)
    assert config in str(refused.value)


def test_a_file_that_is_no_text_is_refused(cwd: Path, tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(SettingsError, match="not TOML"):
        load(cwd, config=str(path))
    with pytest.raises(SettingsError, match="can't be read"):
        load(cwd, config=str(tmp_path))


RULES = """
approval-seconds = 60
[[rules]]
effect = "allow"
command = "git *"
working-dir = "work/**"
[[rules]]
effect = "ask"
mode = "shell"
kind = "prompt"
path = "src/**"
"""


def test_rules_are_read_in_their_order_and_their_directories_count_from_the_file(cwd: Path, tmp_path: Path) -> None:
    settings = load(cwd, config=write(tmp_path / "etc" / "towpath.toml", RULES))

    assert settings.approval_seconds == 60
    assert [(rule.rule_id, rule.source, rule.effect, rule.command) for rule in settings.policy] == [
        ("configured_1", "configured", "allow", "git *"),
        ("configured_2", "configured", "ask", msgspec.UNSET),
    ]
    assert settings.policy[0].working_dir == str(tmp_path / "etc" / "work" / "**")
    assert (settings.policy[1].mode, settings.policy[1].kind, settings.policy[1].path) == ("shell", "prompt", "src/**")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('effect = "maybe"', "rule 1: `effect`: give one of allow, ask, deny."),
        ('effect = "allow"\nkind = 1', "rule 1: `kind`: give a text."),
        ('answer = "allow"', "rule 1: contains unknown field `answer`; a rule has `effect`, and may have `mode`,"),
        ('command = "ls"', "rule 1: missing required field `effect`; a rule has `effect`,"),
        ('effect = "allow"\ncommand = "sudo *"', "rule 1: it would allow every program"),
        ('effect = "deny"\ncommand = "a | *"', "rule 1: a pattern with `*`"),
    ],
)
def test_a_rule_that_can_not_be_meant_is_refused_with_the_reason(
    text: str, reason: str, cwd: Path, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(cwd, config=write(tmp_path / "towpath.toml", f"[[rules]]\n{text}\n"))

    assert "key `rules`" in str(refusal.value)
    assert reason in str(refusal.value)


def test_rules_are_not_taken_from_the_environment(cwd: Path) -> None:
    with pytest.raises(SettingsError, match="TOWPATH_RULES"):
        load(cwd, {"TOWPATH_RULES": "allow"})
