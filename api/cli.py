"""The command line: what can be typed and what help says. api/commands does it, loaded when it runs."""

import sys
from collections.abc import Callable
from typing import Literal, TypeVar

import click

from api.commands.target import Target

EPILOG = """\b
Exit codes:
  0    done
  1    it failed, or something is wrong
  2    wrong usage or settings
  3    no server runs, or it does not answer
  4    the server refused
  5    the turn failed and has no exit code of its own
  130  cancelled, or left by Ctrl-C
`run` and `prompt` end with the exit code of what they ran."""

_INTERRUPTED = 130

C = TypeVar("C", bound=Callable[..., object])


def _keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        setattr(context.find_root().ensure_object(Target), str(parameter.name), value)


def _one_text(_context: click.Context, _parameter: click.Parameter, words: tuple[str, ...]) -> str:
    if len(words) > 1:
        raise click.UsageError("TEXT is one argument: put it in quotes.")
    return words[0]


pass_target = click.make_pass_decorator(Target, ensure=True)
data_dir_option = click.option(
    "--data-dir",
    metavar="DIR",
    expose_value=False,
    callback=_keep,
    help="Where the server keeps its data; commands find it by that.",
)
url_option = click.option(
    "--url",
    metavar="URL",
    expose_value=False,
    callback=_keep,
    help="A server elsewhere; TOWPATH_TOKEN in the environment opens it.",
)
text_argument = click.argument("text", metavar="TEXT", nargs=-1, required=True, callback=_one_text)
json_option = click.option("--json", "raw", is_flag=True, help="Print JSON, one object a line.")


def target_options(command: C) -> C:
    """Let a command take what the group takes: people write these options at either place."""
    return data_dir_option(url_option(command))


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="towpath", message="%(prog)s %(version)s")
@target_options
def towpath() -> None:
    """Run coding agents and shells as sessions that outlive every connection.

    Start the server with `towpath serve`; the other commands speak to it from a second terminal. SESSION is the
    id of a session or the beginning of it, as long as it fits no other.
    """


@towpath.command()
@click.option("--host", metavar="HOST", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", metavar="PORT", help="Port to listen on.  [default: 8780]")
@click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="DIR",
    help="Sessions work under this directory alone. Repeatable.  [default: the current directory]",
)
@click.option(
    "--config", metavar="FILE", help="File of settings.  [default: towpath.toml in the user's configuration directory]"
)
@click.option(
    "--public-url", "public_urls", multiple=True, metavar="URL", help="Where a proxy publishes it. Repeatable."
)
@click.option(
    "--allowed-host", "allowed_hosts", multiple=True, metavar="NAME", help="Further name to answer to. Repeatable."
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="CIDR",
    help="Whose X-Forwarded headers to believe. Repeatable.",
)
@click.option(
    "--durability",
    type=click.Choice(["power", "process"]),
    help="What acknowledged events survive: a power cut, or the end of the process.  [default: power]",
)
@click.option("--open", is_flag=True, default=None, help="Open a browser, logged in.")
@data_dir_option
@pass_target
def serve(target: Target, /, **flags: object) -> None:
    """Run the server.

    Prints a login URL for a browser and the command for a second terminal. Ctrl-C stops the server: sessions stay,
    what runs in them is ended. Every setting can also stand in the environment (TOWPATH_PORT) or in the file.
    """
    from api.commands import serving

    serving.serve(target, flags)


@towpath.command()
@click.option("--open", "open_browser", is_flag=True, help="Open a browser, logged in.")
@target_options
@pass_target
def login(target: Target, *, open_browser: bool) -> None:
    """Print a URL that logs a browser in.

    It works once, within ten minutes.
    """
    from api.commands import login as letting_in

    letting_in.login(target, open_browser=open_browser)


@towpath.command()
@click.option(
    "--mode", metavar="MODE", default="shell", show_default=True, help="Which agent; `towpath doctor` lists them."
)
@click.option("--dir", "folder", metavar="DIR", help="Where, as the server sees it.  [default: here]")
@text_argument
@target_options
@pass_target
@click.pass_context
def run(context: click.Context, target: Target, mode: str, folder: str | None, text: str) -> None:
    """Run TEXT in a new session, in this directory.

    Shows what happens until the turn ends and ends with the exit code of what ran. TEXT `-` is what comes on the
    standard input. The first Ctrl-C asks the server to stop the turn, the second leaves at once.

    \b
      towpath run 'make test'
      towpath run --mode claude 'Why does the test fail?'
    """
    from api.commands import prompts

    context.exit(prompts.run(target, mode, folder, text))


@towpath.command()
@click.option("--no-wait", is_flag=True, help="Do not follow the turn; print its id.")
@click.argument("session")
@text_argument
@target_options
@pass_target
@click.pass_context
def prompt(context: click.Context, target: Target, session: str, text: str, *, no_wait: bool) -> None:
    """Send TEXT to SESSION.

    Shows what happens until that turn ends and ends with the exit code of what ran. TEXT `-` is what comes on the
    standard input. The first Ctrl-C asks the server to stop the turn, the second leaves at once.

    \b
      towpath prompt k7wq 'echo hello'
      towpath prompt k7wq - < question.txt
    """
    from api.commands import prompts

    context.exit(prompts.prompt(target, session, text, wait=not no_wait))


@towpath.command()
@click.option(
    "--from",
    "start",
    default="start",
    show_default=True,
    metavar="start|now|CURSOR",
    help="Where to begin; a CURSOR is the id of the last event that was seen.",
)
@click.option("--types", metavar="TYPE,TYPE", help="Only events of these types, as `turn-completed`.")
@json_option
@click.argument("session")
@target_options
@pass_target
def tail(target: Target, session: str, *, start: str, types: str | None, raw: bool) -> None:
    """Follow SESSION.

    Goes on by itself through cuts and restarts of the server, and shows each event once. Ends when the session is
    deleted, or by Ctrl-C. With --json a line is an event, or the `stream-reset` that says what was lost.
    """
    from api.commands import tail as tailing

    tailing.tail(target, session, start=start, types=types, raw=raw)


@towpath.command()
@json_option
@target_options
@pass_target
def sessions(target: Target, *, raw: bool) -> None:
    """List the sessions, the last active first."""
    from api.commands import listing

    listing.sessions(target, raw=raw)


@towpath.command()
@click.option("--new", is_flag=True, help="Open a terminal and attach to it.")
@click.option("--dir", "folder", metavar="DIR", help="With --new: where, as the server sees it.  [default: here]")
@click.option(
    "--detach-keys",
    "keys",
    metavar="KEYS",
    envvar="TOWPATH_DETACH_KEYS",
    default="ctrl-],q",
    show_default=True,
    help="What to press to leave it running.",
)
@click.argument("terminal", required=False)
@target_options
@pass_target
@click.pass_context
def attach(
    context: click.Context, target: Target, terminal: str | None, folder: str | None, keys: str, *, new: bool
) -> None:
    """Show TERMINAL in this one, and type into it.

    Without TERMINAL it lists them. Goes on by itself through cuts and restarts of the server; ends with the exit code
    of the terminal's program, or by the detach keys, which leave it running. The terminal takes the size of the one
    that attached last.
    """
    from api.commands import attach as attaching

    if terminal is not None and (new or folder is not None):
        raise click.UsageError("Give either TERMINAL or --new.")
    context.exit(attaching.attach(target, terminal, new=new or folder is not None, folder=folder, keys=keys))


@towpath.command()
@click.option("--kill", is_flag=True, help="End all that run, also where no server does.")
@json_option
@target_options
@pass_target
def terminals(target: Target, *, kill: bool, raw: bool) -> None:
    """List the terminals, the oldest first."""
    from api.commands import terminals as listing

    if kill:
        listing.kill(target)
    else:
        listing.show(target, raw=raw)


@towpath.group()
@target_options
def token() -> None:
    """Make, list and revoke tokens for other programs."""


@token.command("make")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["full", "read", "session"]),
    default="full",
    show_default=True,
    help="What it opens: everything, everything for reading, or one session.",
)
@click.option("--session", metavar="SESSION", help="With --scope session: which one.")
@target_options
@pass_target
def make_token(target: Target, name: str, *, scope: Literal["full", "read", "session"], session: str | None) -> None:
    """Make a token called NAME and print it, this once."""
    from api.commands import tokens

    if (scope == "session") != (session is not None):
        raise click.UsageError("--scope session and --session SESSION go together.")
    tokens.make(target, name, scope=scope, session=session)


@token.command("list")
@json_option
@target_options
@pass_target
def list_tokens(target: Target, *, raw: bool) -> None:
    """List the tokens, without their secrets."""
    from api.commands import tokens

    tokens.show(target, raw=raw)


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@target_options
@pass_target
def revoke_token(target: Target, token_id: str) -> None:
    """Revoke the token with this ID; streams that it opened end."""
    from api.commands import tokens

    tokens.revoke(target, token_id)


@towpath.command()
@click.option("--write", "folder", metavar="DIR", help="The checkout to write to.  [default: the current directory]")
@click.option("--check", metavar="DIR", help="Compare with the files in that checkout instead.")
def openapi(folder: str | None, check: str | None) -> None:
    """Write the OpenAPI documents, the event reference and the list of settings.

    These are openapi/openapi.json, openapi/openapi-3.2.json, docs/events.md and docs/settings.md. Needs no server.
    """
    from api.commands import documents

    if check is not None and folder is not None:
        raise click.UsageError("Give either --write or --check.")
    if check is not None:
        documents.check(check)
    else:
        documents.write(folder or ".")


@towpath.command()
@click.option("--dir", "folder", metavar="DIR", help="Where to play.  [default: towpath-demo, made here]")
@click.argument("text", metavar="[TEXT]", default="Show me around")
@target_options
@pass_target
@click.pass_context
def demo(context: click.Context, target: Target, folder: str | None, text: str) -> None:
    """Play a scripted session, to see what sessions look like.

    No agent needs to be installed: this one asks no model. It shows messages, a plan, tool calls, a question that you
    answer here or in the browser, and changes to a file. TEXT `help` says what else it plays.
    """
    from api.commands import demo as playing

    context.exit(playing.demo(target, folder, text))


@towpath.command()
@click.option("--no-agents", is_flag=True, help="Start no agent; only look whether its program is there.")
@data_dir_option
@pass_target
@click.pass_context
def doctor(context: click.Context, target: Target, *, no_agents: bool) -> None:
    """Say what works here, what does not, and what to do.

    Looks at the installation, the data directory, the agents, the log and the platform. Each agent is started here,
    asked what it can do, and ended. Ends with 1 if something is wrong. Where no server runs it opens the log itself.
    """
    from api import doctor as examination

    context.exit(examination.doctor(target, start_agents=not no_agents))


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        code = towpath.main(standalone_mode=False)
    except click.ClickException as failure:
        failure.show()
        code = failure.exit_code
    except click.exceptions.Abort:
        code = _INTERRUPTED
    sys.exit(code)
