"""Results to Markdown: medians, and ratios to the old design taken within a repetition."""

from statistics import median

import msgspec

from benchmarks.contenders import CONTENDERS
from benchmarks.scenarios import SCENARIOS

BASELINE = "old"
DISTURBED = 0.1  # of the server's core went to others


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one server in one scenario; *figures* as the load client prints them, or `error`."""

    scenario: str
    server: str
    repetition: int
    figures: dict[str, object]

    def __getitem__(self, name: str) -> float:
        value = self.figures[name]
        assert isinstance(value, (int, float))
        return value


def _short(value: float) -> str:
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.2f}{unit}" if value < 10 * size else f"{value / size:.1f}{unit}"
    return f"{value:.0f}"


def _middle(results: list[Result], name: str) -> float:
    return median(result[name] for result in results)


def one_line(result: Result) -> str:
    """Say how one run went."""
    head = f"{result.scenario:5} {result.server:14}"
    if result.scenario == "alone" or "error" in result.figures:
        return f"{head} {result.figures}"
    return (
        f"{head} {_short(result['perSecond']):>7}/s {_short(result['perCpuSecond']):>7}/CPU s"
        f"  p50 {result['p50Us']:.0f} us  p99 {result['p99Us']:.0f} us  lost {result['lost']:.0f}"
        f"  connect {result['connectSeconds']:.2f} s  {result['kibPerStream']:.1f} KiB/stream"
        f"  foreign {result['foreign']:.2f}  client {result['clientBusy']:.2f}"
    )


def _ratio(results: list[Result], baseline: list[Result], name: str) -> str:
    """Compare within each repetition, where both met the same minute of the machine."""
    before = {result.repetition: result[name] for result in baseline}
    ratios = [result[name] / before[result.repetition] for result in results if before.get(result.repetition)]
    if not ratios:
        return ""
    return f"{1 / median(ratios) if name == 'connectSeconds' else median(ratios):.1f}"


def _row(results: list[Result], baseline: list[Result]) -> list[str]:
    scenario, server = results[0].scenario, results[0].server
    faults = ("lost", "duplicates", "late", "resets")
    wrong = (sum(int(result[name]) for result in results) for name in faults)
    foreign = _middle(results, "foreign")
    replayed = SCENARIOS[scenario].options["mode"] == "replay"  # what was stored before has no latency
    latencies = ["", ""] if replayed else [f"{_middle(results, name) / 1e3:.2f}" for name in ("p50Us", "p99Us")]
    return [
        CONTENDERS[server].title,
        str(len(results)),
        _short(_middle(results, "perSecond")),
        _short(_middle(results, "perCpuSecond")),
        _ratio(results, baseline, SCENARIOS[scenario].figure),
        *latencies,
        "/".join(map(str, wrong)),
        f"{_middle(results, 'bytesEach'):.0f}",
        f"{_middle(results, 'kibPerStream'):.1f}",
        f"{_middle(results, 'connectSeconds'):.2f}",
        f"{_middle(results, 'connectCpuSeconds'):.2f}",
        f"{foreign:.2f}" + (" disturbed" if foreign > DISTURBED else ""),
        f"{_middle(results, 'clientBusy'):.2f}",
    ]


HEADINGS = [
    "server",
    "n",
    "deliveries/s",
    "per server CPU s",
    "x old",
    "p50 ms",
    "p99 ms",
    "lost/dup/late/reset",
    "bytes each",
    "KiB/stream",
    "connect s",
    "connect CPU s",
    "foreign",
    "client busy",
]


def _table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _section(scenario: str, results: list[Result]) -> str:
    sound = [result for result in results if "error" not in result.figures]
    baseline = [result for result in sound if result.server == BASELINE]
    servers = [[r for r in sound if r.server == name] for name in CONTENDERS]
    by_connecting = SCENARIOS[scenario].figure == "connectSeconds"
    about = "connect time" if by_connecting else "deliveries per server CPU second"
    parts = [
        f"## {scenario}: {SCENARIOS[scenario].title}",
        f"`x old` compares {about}." if baseline else "",
        _table(HEADINGS, [_row(runs, baseline) for runs in servers if runs]),
        *(f"{r.server} failed: {r.figures['error']}" for r in results if "error" in r.figures),
    ]
    return "\n\n".join(part for part in parts if part)


def _alone(results: list[Result]) -> str:
    """Tabulate what has no counterpart in a peer."""
    own = [result for result in results if result.server == "towpath" and "error" not in result.figures]

    def figure(scenario: str, name: str, shape: str) -> str:
        runs = [result for result in own if result.scenario == scenario]
        return shape.format(_middle(runs, name)) if runs else "not measured"

    def worst(scenario: str) -> str:
        runs = [result for result in own if result.scenario == scenario]
        return f"{max(result['probeMaxMs'] for result in runs):.1f} ms" if runs else "not measured"

    rows = [
        ["`towpath serve` to the first answer of /healthz", figure("alone", "readySeconds", "{:.2f} s")],
        ["memory, idle", figure("alone", "idleMb", "{:.0f} MB")],
        ["memory per idle stream (D)", figure("D", "kibPerStream", "{:.1f} KiB")],
        ["replay, events per second (R)", figure("R", "perSecond", "{:,.0f}")],
        ["replay, events per server CPU second (R)", figure("R", "perCpuSecond", "{:,.0f}")],
        ["a probe while that replay ran: p99", figure("R", "probeP99Ms", "{:.1f} ms")],
        ["the worst in any repetition", worst("R")],
        ["a probe while 1,000 sessions streamed (P): p99", figure("P", "probeP99Ms", "{:.1f} ms")],
        ["the worst in any repetition", worst("P")],
    ]
    starts = [result for result in results if result.scenario == "alone"]
    failures = [f"start failed: {r.figures['error']}" for r in starts if "error" in r.figures]
    return "\n\n".join(["## Towpath alone", _table(["figure", "median"], rows), *failures])


def markdown(results: list[Result], machine: str, repetitions: int) -> str:
    """Return the whole report; README.md says how to read it."""
    scenarios = [name for name in SCENARIOS if any(result.scenario == name for result in results)]
    sections = [_section(name, [r for r in results if r.scenario == name]) for name in scenarios]
    if any(result.server == "towpath" for result in results):
        sections.append(_alone(results))
    head = f"# Benchmark\n\n{machine}. Medians of {repetitions}. How to read this: ../README.md."
    return "\n\n".join([head, *sections]) + "\n"
