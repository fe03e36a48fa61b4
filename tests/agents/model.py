"""A scripted model on loopback, for real agents: what it answers is written in the prompt.

It speaks the APIs of Anthropic (messages), OpenAI (responses, chat completions) and Gemini (generateContent), streamed
or not. A prompt holds ``script:`` and a JSON list of answers; an answer is a list of steps:

    {"say": "text"}                      text, in a few pieces
    {"think": "text"}                    reasoning, where the API has it
    {"call": "Bash", "input": {…}}       a tool call
    {"recall": "word"}                   says whether the word stands in what came before this prompt
    {"told": true}                       says what the last tool call gave
    {"wait": 0.1}                        a pause
    {"hang": true}                       no more, until the other side leaves
    {"drop": true}                       the connection ends in the middle
    {"fail": 500}                        an HTTP error in place of the answer

The first answer comes to the prompt itself, the next after each round of tool calls; so one server without a state of
its own serves any number of sessions.
"""

import json
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from threading import Event, Thread
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Self

from typing_extensions import override

MARK = "script:"
USED, GENERATED = 100, 20
HANG_SECONDS = 60

Step = dict[str, Any]


def scripted(text: str, *answers: Sequence[Step]) -> str:
    """Return a prompt that has the model give these answers."""
    return f"{text} {MARK}{json.dumps(answers)}"


class Said(NamedTuple):
    """One message of a conversation; ``result`` is what a tool gave."""

    by_model: bool
    text: str
    result: str | None = None


class Model:
    """The server: which paths were asked for, and what each conversation held."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.conversations: list[list[Said]] = []
        self.over = Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"model": self}))
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection of an agent."""

    model: ClassVar[Model]
    protocol_version = "HTTP/1.1"

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer({}, status=200)

    def do_GET(self) -> None:
        models = [{"id": "scripted", "object": "model", "created": 1, "owned_by": "tests"}]
        self._answer({"object": "list", "data": models, "models": []})

    def do_POST(self) -> None:
        body = json.loads(self._body() or b"{}")
        path, _, _ = self.path.partition("?")
        self.model.requests.append(path)
        name, _, method = path.rpartition("/")[2].partition(":")
        kinds = {"messages": Anthropic, "responses": Responses, "completions": Chat}
        if method in ("generateContent", "streamGenerateContent"):
            self._play(Gemini(self, body, streamed=method.startswith("stream")))
        elif name in kinds:
            self._play(kinds[name](self, body, streamed=bool(body.get("stream"))))
        elif "ountTokens" in method or name == "count_tokens":
            self._answer({"input_tokens": USED, "totalTokens": USED})
        else:
            self._answer({"error": {"message": f"no {path}"}}, status=404)

    def _play(self, api: "Api") -> None:
        said = api.conversation()
        self.model.conversations.append(said)
        steps = answer(said, tools=bool(api.body.get("tools")))
        try:
            if "fail" in steps[0]:
                error = {"type": "api_error", "message": "scripted failure"}
                self._answer({"type": "error", "error": error}, status=steps[0]["fail"])
            elif api.streamed:
                self._stream(api, steps)
            else:
                self._answer(api.whole([step for step in steps if not self._pause(step)]))
        except ConnectionError:
            self.close_connection = True

    def _stream(self, api: "Api", steps: Sequence[Step]) -> None:
        self._head(200, "text/event-stream", "Transfer-Encoding: chunked")
        for event in api.events(step for step in steps if not self._pause(step)):
            name = f"event: {event['type']}\n" if "type" in event else ""
            self._chunk(f"{name}data: {json.dumps(event)}\n\n")
        if isinstance(api, Chat):
            self._chunk("data: [DONE]\n\n")
        self._chunk("")

    def _pause(self, step: Step) -> bool:
        """Do what a step does to the connection; return whether it was such a step."""
        if step.get("hang"):
            self.model.over.wait(HANG_SECONDS)
        if "hang" in step or "drop" in step:
            raise ConnectionError
        time.sleep(step.get("wait", 0))
        return "wait" in step

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, value: Any, *, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self._head(status, "application/json", f"Content-Length: {len(data)}")
        if self.command != "HEAD":
            self.wfile.write(data)

    def _head(self, status: int, media_type: str, *lines: str) -> None:
        self.send_response(status)
        for line in (f"Content-Type: {media_type}", *lines):
            self.send_header(*line.split(": "))
        self.end_headers()

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))


def answer(said: Sequence[Said], *, tools: bool) -> list[Step]:
    """Return what the script of the newest prompt that has one says now; titles and summaries get a short text."""
    at = next((n for n in reversed(range(len(said))) if MARK in said[n].text and not said[n].by_model), None)
    if at is None or not tools:
        return [{"say": "A short text."}]
    script = said[at].text.rpartition(MARK)[2]
    answers, _ = json.JSONDecoder().raw_decode(script)
    after = [False, *(one.by_model for one in said[at + 1 :])]
    given = sum(now and not before for before, now in pairwise(after))
    steps = answers[given] if given < len(answers) else [{"say": "That was all."}]
    return [_spoken(step, said, at) for step in steps]


def _spoken(step: Step, said: Sequence[Said], at: int) -> Step:
    if "recall" in step:
        known = any(step["recall"] in one.text for one in said[:at])
        return {"say": f"{'I remember' if known else 'I know no'} {step['recall']}."}
    if "told" in step:
        told = next((one.result for one in reversed(said) if one.result is not None), "nothing")
        return {"say": f"The tool said: {told[:200]}"}
    return step


def pieces(text: str) -> Iterator[str]:
    size = max(1, len(text) // 3)
    yield from (text[start : start + size] for start in range(0, len(text), size))


def plain(content: Any) -> str:
    """Return the text of a message's content, whatever form it has."""
    if isinstance(content, str):
        return content
    parts = content or []
    return "\n".join(part if isinstance(part, str) else str(part.get("text") or "") for part in parts)


class Api:
    """One request in one API."""

    def __init__(self, handler: Handler, body: Any, *, streamed: bool) -> None:
        self.handler = handler
        self.body = body
        self.streamed = streamed
        self.id = f"{time.time_ns():x}"
        self.name = str(body.get("model", "scripted"))

    def conversation(self) -> list[Said]:
        raise NotImplementedError

    def events(self, steps: Iterator[Step]) -> Iterator[Any]:
        raise NotImplementedError

    def whole(self, steps: Sequence[Step]) -> Any:
        raise NotImplementedError


class Anthropic(Api):
    """POST /v1/messages."""

    @override
    def conversation(self) -> list[Said]:
        return [self._said(message) for message in self.body["messages"]]

    def _said(self, message: Any) -> Said:
        content = message["content"]
        results = [part for part in content if isinstance(part, dict) and part.get("type") == "tool_result"]
        result = "\n".join(plain(part.get("content")) for part in results) if results else None
        return Said(message["role"] == "assistant", plain(content), result)

    @override
    def whole(self, steps: Sequence[Step]) -> Any:
        content = [self._block(number, step) for number, step in enumerate(steps)]
        calls = any("call" in step for step in steps)
        return {**self._message(content), "stop_reason": "tool_use" if calls else "end_turn"}

    def _message(self, content: Sequence[Any]) -> Any:
        usage = {"input_tokens": USED, "output_tokens": GENERATED}
        message = {"id": f"msg_{self.id}", "type": "message", "role": "assistant", "model": self.name}
        return {**message, "content": content, "stop_reason": None, "stop_sequence": None, "usage": usage}

    def _block(self, number: int, step: Step) -> Any:
        if "call" in step:
            identity = f"toolu_{self.id}{number}"
            return {"type": "tool_use", "id": identity, "name": step["call"], "input": step["input"]}
        if "think" in step:
            return {"type": "thinking", "thinking": step["think"], "signature": "c2lnbmVk"}
        return {"type": "text", "text": step["say"]}

    @override
    def events(self, steps: Iterator[Step]) -> Iterator[Any]:
        yield {"type": "message_start", "message": self._message([])}
        calls = False
        for number, step in enumerate(steps):
            block = self._block(number, step)
            calls = calls or "call" in step
            empty = {"input": {}, "thinking": "", "signature": "", "text": ""}
            start = {name: empty.get(name, value) for name, value in block.items()}
            yield {"type": "content_block_start", "index": number, "content_block": start}
            for delta in self._deltas(step):
                yield {"type": "content_block_delta", "index": number, "delta": delta}
            yield {"type": "content_block_stop", "index": number}
        stop = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
        yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": GENERATED}}
        yield {"type": "message_stop"}

    def _deltas(self, step: Step) -> Iterator[Any]:
        if "call" in step:
            yield from ({"type": "input_json_delta", "partial_json": one} for one in pieces(json.dumps(step["input"])))
        elif "think" in step:
            yield from ({"type": "thinking_delta", "thinking": one} for one in pieces(step["think"]))
            yield {"type": "signature_delta", "signature": "c2lnbmVk"}
        else:
            yield from ({"type": "text_delta", "text": one} for one in pieces(step["say"]))


class Chat(Api):
    """POST …/chat/completions."""

    @override
    def conversation(self) -> list[Said]:
        told = [message for message in self.body["messages"] if message["role"] not in ("system", "developer")]
        return [self._said(message["role"], plain(message.get("content"))) for message in told]

    def _said(self, role: str, text: str) -> Said:
        return Said(role == "assistant", text, text if role == "tool" else None)

    def _call(self, number: int, step: Step) -> Any:
        function = {"name": step["call"], "arguments": json.dumps(step["input"])}
        return {"index": number, "id": f"call_{self.id}{number}", "type": "function", "function": function}

    def _piece(self, **choice: Any) -> Any:
        usage = {"prompt_tokens": USED, "completion_tokens": GENERATED, "total_tokens": USED + GENERATED}
        kind = "chat.completion.chunk" if self.streamed else "chat.completion"
        base = {"id": f"chatcmpl-{self.id}", "object": kind, "created": 1, "model": self.name}
        return {**base, "choices": [{"index": 0, "finish_reason": None, **choice}], "usage": usage}

    @override
    def whole(self, steps: Sequence[Step]) -> Any:
        calls = [self._call(number, step) for number, step in enumerate(steps) if "call" in step]
        text = "".join(step.get("say", "") for step in steps)
        message = {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}
        return self._piece(message=message, finish_reason="tool_calls" if calls else "stop")

    @override
    def events(self, steps: Iterator[Step]) -> Iterator[Any]:
        yield self._piece(delta={"role": "assistant", "content": ""})
        calls = 0
        for step in steps:
            if "call" in step:
                yield self._piece(delta={"tool_calls": [self._call(calls, step)]})
                calls += 1
            elif "think" in step:
                yield self._piece(delta={"reasoning_content": step["think"]})
            else:
                yield from (self._piece(delta={"content": one}) for one in pieces(step["say"]))
        yield self._piece(delta={}, finish_reason="tool_calls" if calls else "stop")


class Responses(Api):
    """POST …/responses."""

    @override
    def conversation(self) -> list[Said]:
        return [said for item in self.body.get("input", []) if (said := self._said(item)) is not None]

    def _said(self, item: Any) -> Said | None:
        kind = item.get("type", "message")
        if kind == "message":
            unheard = item.get("role") in ("system", "developer")
            return None if unheard else Said(item["role"] == "assistant", plain(item.get("content")))
        if kind.endswith("_output"):
            output = item.get("output")
            return Said(by_model=False, text="", result=output if isinstance(output, str) else json.dumps(output))
        return Said(by_model=True, text="")

    def _item(self, number: int, step: Step) -> Any:
        if "call" in step:
            call = {"name": step["call"], "arguments": json.dumps(step["input"]), "call_id": f"call_{self.id}{number}"}
            return {"id": f"fc_{self.id}{number}", "type": "function_call", "status": "completed", **call}
        if "think" in step:
            summary = [{"type": "summary_text", "text": step["think"]}]
            return {"id": f"rs_{self.id}{number}", "type": "reasoning", "summary": summary}
        content = [{"type": "output_text", "text": step["say"], "annotations": []}]
        message = {"type": "message", "role": "assistant", "status": "completed", "content": content}
        return {"id": f"msg_{self.id}{number}", **message}

    def _response(self, status: str, output: Sequence[Any]) -> Any:
        details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        counts = {"input_tokens": USED, "output_tokens": GENERATED, "total_tokens": USED + GENERATED}
        base = {"id": f"resp_{self.id}", "object": "response", "created_at": 1, "model": self.name}
        return {**base, "status": status, "output": output, "usage": {**counts, **details}, "error": None}

    @override
    def whole(self, steps: Sequence[Step]) -> Any:
        return self._response("completed", [self._item(number, step) for number, step in enumerate(steps)])

    @override
    def events(self, steps: Iterator[Step]) -> Iterator[Any]:
        yield {"type": "response.created", "response": self._response("in_progress", [])}
        output = []
        for number, step in enumerate(steps):
            item = self._item(number, step)
            started = {**item, "content": []} if "content" in item else item
            yield {"type": "response.output_item.added", "output_index": number, "item": started}
            place = {"item_id": item["id"], "output_index": number}
            if "say" in step:
                for one in pieces(step["say"]):
                    yield {"type": "response.output_text.delta", **place, "content_index": 0, "delta": one}
            elif "think" in step:
                summary = {**place, "summary_index": 0}
                yield {"type": "response.reasoning_summary_text.delta", **summary, "delta": step["think"]}
            yield {"type": "response.output_item.done", "output_index": number, "item": item}
            output.append(item)
        yield {"type": "response.completed", "response": self._response("completed", output)}


class Gemini(Api):
    """POST …/models/NAME:generateContent and :streamGenerateContent."""

    @override
    def conversation(self) -> list[Said]:
        return [self._said(message) for message in self.body.get("contents", [])]

    def _said(self, message: Any) -> Said:
        parts = message.get("parts", [])
        results = [part["functionResponse"].get("response") for part in parts if "functionResponse" in part]
        return Said(message.get("role") == "model", plain(parts), json.dumps(results) if results else None)

    def _candidate(self, parts: Sequence[Any], **more: Any) -> Any:
        usage = {"promptTokenCount": USED, "candidatesTokenCount": GENERATED, "totalTokenCount": USED + GENERATED}
        candidate = {"index": 0, "content": {"role": "model", "parts": parts}, **more}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": self.name}

    def _parts(self, step: Step) -> Iterator[Any]:
        if "call" in step:
            yield {"functionCall": {"name": step["call"], "args": step["input"], "id": f"fc_{self.id}"}}
        elif "think" in step:
            yield {"text": step["think"], "thought": True}
        else:
            yield from ({"text": one} for one in pieces(step["say"]))

    @override
    def whole(self, steps: Sequence[Step]) -> Any:
        return self._candidate([part for step in steps for part in self._parts(step)], finishReason="STOP")

    @override
    def events(self, steps: Iterator[Step]) -> Iterator[Any]:
        yield from (self._candidate([part]) for step in steps for part in self._parts(step))
        yield self._candidate([{"text": ""}], finishReason="STOP")
