// The plain page: log in, list sessions, follow one. All text goes in as text; nothing is ever parsed as HTML.

const byId = (id) => document.getElementById(id);
const main = byId("main");

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = response.status === 204 ? null : await response.json();
  if (response.ok) return answer;
  if (response.status === 401 && location.pathname !== "/login") location.assign("/login");
  throw new Error(answer?.detail ?? `The server answered ${response.status}.`);
}

function report(error) {
  main.querySelector(".problem")?.remove();
  main.append(make("p", { className: "problem", textContent: error.message, role: "alert" }));
}

function onSubmit(form, act) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(new FormData(form)).catch(report);
  });
  return form;
}

async function showLogin() {
  byId("where").textContent = "Log in";
  const enter = async (credential) => {
    await call("POST", "/api/login", credential);
    location.replace("/sessions");
  };
  const field = make("input", { name: "token", type: "password", autocomplete: "off", required: true });
  const form = make("form", {}, make("label", {}, "Token", field), make("button", { className: "main" }, "Log in"));
  const help = "Open the login URL that the server printed, let `towpath login` print another, or paste a token.";
  main.replaceChildren(make("p", { textContent: help }), onSubmit(form, (data) => enter({ token: data.get("token") })));
  const code = location.hash.slice(1);
  if (!code) return;
  history.replaceState(null, "", "/login");
  await enter({ code });
}

async function showSessions() {
  byId("where").textContent = "Sessions";
  const { sessions } = await call("GET", "/api/sessions?limit=200");
  const rows = sessions.map((session) =>
    make(
      "li",
      {},
      make("a", { href: `/session/${session.sessionId}`, textContent: session.title || "Untitled" }),
      make("small", { textContent: `${session.status} · ${session.mode} · ${session.workingDir}` }),
    ),
  );
  const field = make("input", { name: "workingDir", placeholder: "the first workspace root", autocomplete: "off" });
  const form = make(
    "form",
    {},
    make("label", {}, "Directory", field),
    make("button", { className: "main" }, "New shell session"),
  );
  onSubmit(form, async (data) => {
    const workingDir = data.get("workingDir").trim();
    const session = await call("POST", "/api/sessions", workingDir ? { mode: "shell", workingDir } : { mode: "shell" });
    location.assign(`/session/${session.sessionId}`);
  });
  main.replaceChildren(form, rows.length ? make("ul", {}, ...rows) : make("p", { textContent: "No sessions yet." }));
}

// Colours of a terminal (ECMA-48 SGR, the 16 plain ones); all other escapes are dropped.
const ESCAPE = /\x1b\[([0-9;]*)m|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]/g;

function coloured(text, className) {
  const line = make("span", { className });
  let style = "";
  let from = 0;
  const put = (to) => to > from && line.append(make("span", { className: style, textContent: text.slice(from, to) }));
  for (const found of text.matchAll(ESCAPE)) {
    put(found.index);
    from = found.index + found[0].length;
    if (found[1] === undefined) continue;
    for (const code of found[1].split(";").map(Number)) {
      if (code === 0 || code === 39) style = "";
      else if (code === 1) style += " bold";
      else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) style = `c${code % 10}`;
    }
  }
  put(text.length);
  return line;
}

const plain = (text) => (typeof text === "string" ? text : `${text.preview}…`);

const LINES = {
  "command-sent": (event) => make("span", { className: "prompt", textContent: `${plain(event.command)}\n` }),
  "agent-message": (event) => make("span", { textContent: event.text }),
  "agent-thought": (event) => make("span", { className: "note", textContent: event.text }),
  "session-error": (event) => make("span", { className: "error", textContent: `${event.error}\n` }),
  "session-output": (event) => {
    if (event.stream !== "exit") return coloured(event.content, event.stream);
    return event.exitCode ? make("span", { className: "note", textContent: `exit ${event.exitCode}\n` }) : null;
  },
  "turn-completed": (event) =>
    event.stopReason === "end" ? null : make("span", { className: "note", textContent: `${event.stopReason}\n` }),
  "stream-reset": (event) =>
    make("span", { className: "note", textContent: `Earlier events are no longer there (${event.reason}).\n` }),
};
const SILENT = ["connected", "caught-up", "heartbeat", "stream-closing", "session-created", "session-updated", "session-status", "session-deleted"];

async function showSession(sessionId) {
  const base = `/api/session/${sessionId}`;
  const session = await call("GET", base);
  byId("where").textContent = session.title || session.workingDir;
  const log = make("pre", { id: "log", tabIndex: 0, ariaLabel: "What happened" });
  const field = make("input", { name: "command", autocomplete: "off", autocapitalize: "off", spellcheck: false, required: true });
  const stop = make("button", { type: "button", textContent: "Stop" });
  const form = make("form", {}, make("label", {}, "Prompt", field), make("button", { className: "main" }, "Send"), stop);
  onSubmit(form, async (data) => {
    await call("POST", `${base}/prompt`, { command: data.get("command") });
    field.value = "";
  });
  stop.addEventListener("click", () => call("POST", `${base}/cancel`, {}).catch(report));
  main.replaceChildren(log, form);
  field.focus();
  follow(base, (event) => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    if (event.type === "session-updated" && event.title) byId("where").textContent = event.title;
    const line = LINES[event.type]?.(event);
    if (line) log.append(line);
    if (atEnd) log.scrollTop = log.scrollHeight;
  });
}

// EventSource resumes by itself after a cut, and gives up for good on any answer but 200: then ask why.
function follow(base, onEvent) {
  let cursor = "0";
  let failures = 0;
  const state = (text) => (byId("connection").textContent = text);
  const open = () => {
    state("connecting");
    const source = new EventSource(`${base}/events?after=${encodeURIComponent(cursor)}`);
    const take = (message) => {
      cursor = message.lastEventId;
      failures = 0;
      const event = JSON.parse(message.data);
      if (event.type === "caught-up") state("live");
      if (event.type === "session-deleted") {
        source.close();
        state("deleted");
      }
      onEvent(event);
    };
    for (const type of [...Object.keys(LINES), ...SILENT]) source.addEventListener(type, take);
    source.addEventListener("error", async () => {
      state("reconnecting");
      if (source.readyState !== EventSource.CLOSED) return;
      const status = await fetch(base).then((response) => response.status, () => 0);
      if (status === 401) location.assign("/login");
      else if (status === 404) state("gone");
      else setTimeout(open, Math.min(15000, 500 * 2 ** failures++) * (0.5 + Math.random() / 2));
    });
  };
  open();
}

byId("logout").addEventListener("click", () =>
  call("POST", "/api/logout", {}).then(() => location.assign("/login"), report),
);
const [, page, id] = location.pathname.split("/");
byId("logout").hidden = page === "login";
const show = page === "login" ? showLogin() : page === "session" && id ? showSession(id) : showSessions();
show.catch(report);
