// A browser's way to read a stream: prints what arrives as JSON lines, and the status that ends it for good.
import { EventSource } from "eventsource";

const [url, token, ...types] = process.argv.slice(2);
const print = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const source = new EventSource(url, {
  fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
});
for (const type of ["message", ...types])
  source.addEventListener(type, (event) => print([event.type, event.lastEventId, event.data]));
setInterval(() => {}, 60_000); // its own timer between two connections keeps no program running
source.addEventListener("error", (event) => {
  if (source.readyState === EventSource.CLOSED) print(["refused", "", JSON.stringify({ status: event.code })]);
});
