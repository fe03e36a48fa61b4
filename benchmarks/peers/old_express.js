// The design that Towpath replaces: an EventEmitter as the bus, a listener per type and connection that filters by
// session, one write per field of a frame. Only the two publish routes at the end are the benchmark's.
const express = require("express");
const EventEmitter = require("events");

const EVENT_TYPES = [
  "session-output", "session-error", "session-status", "operations-detected", "operations-executed",
  "operations-error", "approval-request", "approval-confirmed", "approval-expired", "session-created",
  "session-deleted",
];
const SESSION_ID = /^[a-zA-Z0-9_-]{8,32}$/;
const HEARTBEAT_MS = 30000;

class EventBus extends EventEmitter {
  constructor() {
    super();
    this.setMaxListeners(0);
    this.metrics = { eventsEmitted: 0, eventsByType: new Map(), listenerCounts: new Map() };
  }

  subscribe(eventType, sessionId, handler) {
    const wrapped = (data) => {
      if (sessionId !== null && data.sessionId !== sessionId) return;
      try {
        handler(data);
      } catch (error) {
        console.error(`handler for ${eventType}:`, error);
      }
    };
    this.on(eventType, wrapped);
    const key = `${eventType}-${sessionId || "global"}`;
    const counts = this.metrics.listenerCounts;
    counts.set(key, (counts.get(key) || 0) + 1);
    return () => {
      this.off(eventType, wrapped);
      counts.set(key, Math.max(0, (counts.get(key) || 0) - 1));
    };
  }

  emit(eventType, data = {}) {
    this.metrics.eventsEmitted++;
    this.metrics.eventsByType.set(eventType, (this.metrics.eventsByType.get(eventType) || 0) + 1);
    super.emit(eventType, { ...data, _timestamp: Date.now(), _eventType: eventType });
  }

  subscribeToSession(sessionId, handler) {
    const unsubscribers = EVENT_TYPES.map((type) => this.subscribe(type, sessionId, handler));
    return () => unsubscribers.forEach((unsubscribe) => unsubscribe());
  }
}

class SSEManager {
  constructor(bus) {
    this.bus = bus;
    this.connections = new Map();
    this.heartbeats = new Map();
  }

  addConnection(sessionId, res, req) {
    res.setHeader("Content-Type", "text/event-stream");
    res.setHeader("Cache-Control", "no-cache, no-transform");
    res.setHeader("X-Accel-Buffering", "no");
    res.setHeader("Connection", "keep-alive");
    res.flushHeaders();
    if (!this.connections.has(sessionId)) this.connections.set(sessionId, new Set());
    const connections = this.connections.get(sessionId);
    connections.add(res);
    console.log(`Connection added for session ${sessionId}. Total connections: ${connections.size}`);
    this.sendEvent(sessionId, res, { type: "connected", sessionId, timestamp: Date.now() });
    this.startHeartbeat(sessionId, res);
    const unsubscribe = this.bus.subscribeToSession(sessionId, (data) => this.sendEvent(sessionId, res, data));
    req.on("close", () => this.removeConnection(sessionId, res, unsubscribe));
    this.bus.emit("session-status", { sessionId, status: "connected" });
  }

  sendEvent(sessionId, res, data) {
    if (res.destroyed || res.writableEnded) return;
    res.write(`event: ${data.type || "message"}\n`);
    res.write(`data: ${JSON.stringify(data)}\n`);
    res.write(`id: ${Date.now()}\n`);
    res.write("\n");
  }

  startHeartbeat(sessionId, res) {
    const timer = setInterval(() => res.write(": heartbeat\n\n"), HEARTBEAT_MS);
    this.heartbeats.set(`${sessionId}-${res.socket?.remotePort}`, timer);
  }

  removeConnection(sessionId, res, unsubscribe) {
    const connections = this.connections.get(sessionId);
    if (connections?.delete(res) && connections.size === 0) this.connections.delete(sessionId);
    const key = `${sessionId}-${res.socket?.remotePort}`;
    clearInterval(this.heartbeats.get(key));
    this.heartbeats.delete(key);
    unsubscribe();
  }
}

const bus = new EventBus();
const streams = new SSEManager(bus);
const app = express();
const api = express.Router();
api.get(
  "/session/:sessionId/events",
  (req, res, next) => {
    if (!SESSION_ID.test(req.params.sessionId)) return res.status(400).json({ error: "Invalid session ID format" });
    next();
  },
  (req, res) => streams.addConnection(req.params.sessionId, res, req),
);
app.use("/api", api);

// ---- the benchmark's publisher, the same in every peer (see publisher.py) ----
const content = "x".repeat(110);
const seqs = new Map();
let turn = 0;

function publishNext(sessions) {
  const sessionId = "sess" + String(turn++ % sessions).padStart(8, "0");
  const seq = (seqs.get(sessionId) || 0) + 1;
  seqs.set(sessionId, seq);
  const t = Number(process.hrtime.bigint());
  bus.emit("session-output", { type: "stdout", sessionId, seq, t, content });
}

app.post("/publish", (req, res) => {
  const [sessions, events, burst] = [+req.query.sessions, +req.query.events, +req.query.burst];
  let sent = 0;
  const step = () => {
    for (const until = Math.min(events, sent + burst); sent < until; sent++) publishNext(sessions);
    if (sent < events) setImmediate(step);
    else res.json({ published: sent });
  };
  step();
});

app.post("/pace", (req, res) => {
  const [sessions, rate] = [+req.query.sessions, +req.query.rate];
  const events = Math.floor(rate * +req.query.seconds);
  const begun = performance.now();
  let sent = 0;
  const tick = () => {
    const due = Math.min(events, Math.floor(((performance.now() - begun) * rate) / 1000));
    for (; sent < due; sent++) publishNext(sessions);
    if (sent < events) setTimeout(tick, 1);
  };
  tick();
  res.json({ published: events });
});

app.listen(+process.argv[2], "127.0.0.1", 4096);
