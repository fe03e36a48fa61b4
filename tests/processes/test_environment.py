from infrastructure.processes.environment import ALLOWED, minimal_environment
from tests.processes.commands import everything, start

SERVER = {
    "ANTHROPIC_API_KEY": "secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "DATABASE_URL": "postgres://secret",
    "GITHUB_TOKEN": "secret",
    "HTTPS_PROXY": "http://user:secret@proxy",
    "LD_PRELOAD": "/secret.so",
    "PGPASSWORD": "secret",
    "SSH_AUTH_SOCK": "/secret",
    "TOWPATH_TOKEN": "secret",
    "HOME": "/home/ada",
    "LANG": "de_DE.UTF-8",
    "LC_TIME": "C",
    "PATH": "/opt/bin:/bin",
    "TERM": "vt52",
    "TZ": "Europe/Berlin",
}


async def test_a_command_sees_none_of_the_servers_secrets() -> None:
    environment = minimal_environment(ALLOWED, SERVER, {})
    async with await start("env", environment=environment) as process:
        seen = (await everything(process.stdout)).decode()

    assert "secret" not in seen
    assert sorted(seen.splitlines()) == [
        "HOME=/home/ada",
        "LANG=de_DE.UTF-8",
        "LC_TIME=C",
        "PATH=/opt/bin:/bin",
        "TERM=xterm-256color",
        "TZ=Europe/Berlin",
    ]


def test_what_is_allowed_by_name_or_beginning_passes() -> None:
    environment = minimal_environment(["PGPASSWORD", "AWS_*"], SERVER, {})

    assert environment.keys() == {"PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "PATH", "TERM"}


def test_our_own_settings_pass_by_no_pattern() -> None:
    environment = minimal_environment(["*", "TOWPATH_TOKEN"], SERVER, {})

    assert environment == {name: value for name, value in SERVER.items() if name != "TOWPATH_TOKEN"}


def test_extra_wins_and_passes_whatever_its_name() -> None:
    extra = {"PATH": "/extra", "TERM": "dumb", "TOWPATH_SESSION": "s"}

    assert minimal_environment(ALLOWED, SERVER, extra).items() >= extra.items()


def test_there_is_always_a_path_and_a_terminal() -> None:
    assert minimal_environment(ALLOWED, {}, {}).keys() == {"PATH", "TERM"}
