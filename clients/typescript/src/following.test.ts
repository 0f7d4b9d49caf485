import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { clientWith, hurried, lost, problem } from "../tests/edge.ts";
import type { Event, SharpstreamError } from "./index.ts";

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
afterEach(() => vi.useRealTimers());

const frame = (id: string | null, type: string): string => {
  const event = { id: `e${id}`, type, subject: "s", source: "", time: "", data: {} };
  return `${id ? `id: ${id}\n` : ""}event: ${type}\ndata: ${JSON.stringify(event)}\n\n`;
};

/** A connection that ends after this text, cut where networks cut: anywhere. */
function connection(text: string, ending: "closed" | "broken" | "silent" = "closed"): Response {
  const bytes = new TextEncoder().encode(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 11) }, (_, n) => bytes.slice(n * 11, n * 11 + 11));
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece) controller.enqueue(piece);
      else if (ending === "closed") controller.close();
      else if (ending === "broken") controller.error(new TypeError("terminated"));
      else return new Promise(() => undefined);
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

async function types(events: AsyncIterable<Event>): Promise<string[]> {
  const seen = [];
  for await (const event of events) seen.push(event.type);
  return seen;
}

const COMPLETED = "generation.completed.v1";

test("a stream goes on behind the last event that had an id, over any kind of break, until the scene ends", async () => {
  const answers = [
    connection(`retry: 1000\n: hello\n\n${frame("1-0-4", "generation.requested.v1")}`, "broken"),
    problem(503, "stopping"),
    lost(),
    connection(`retry: 1000\n\n${frame(null, "generation.progress.v1")}`),
    connection(frame("1-0-5", COMPLETED) + frame("1-0-6", "generation.deleted.v1"), "silent"),
  ];
  const { client, asked } = clientWith(answers);
  const losses: (string | null)[] = [];
  const cursors: string[] = [];
  const opened = vi.fn();
  const onLost = (error: SharpstreamError | null) => losses.push(error?.code ?? null);
  const events = client.follow("s", { onLost, onCursor: (each) => cursors.push(each), onOpen: opened });
  expect(await hurried(types(events))).toEqual(["generation.requested.v1", "generation.progress.v1", COMPLETED]);
  expect(asked.map(({ headers }) => headers.get("Last-Event-ID"))).toEqual([null, ...Array<string>(4).fill("1-0-4")]);
  expect(asked.every(({ url }) => url === "http://gateway.test/api/v1/scenes/s/events")).toBe(true);
  expect(losses).toEqual(["unreachable", "stopping", "unreachable", null]);
  expect(cursors).toEqual(["1-0-4", "1-0-5"]);
  expect(opened).toHaveBeenCalledTimes(3);
});

test("who is cut off before the first event goes on from where the stream began", async () => {
  const answers = [connection("retry: 1000\nid: 1-0-9\n\n", "broken"), connection(frame("1-0-10", "export.failed.v1"))];
  const { client, asked } = clientWith(answers);
  const events = client.stream({ types: ["export.failed.v1", COMPLETED] });
  const first = await hurried(events.next());
  expect(first.value).toMatchObject({ type: "export.failed.v1" });
  await events.return();
  expect(asked.map(({ headers }) => headers.get("Last-Event-ID"))).toEqual([null, "1-0-9"]);
  expect(asked[0]?.url).toBe("http://gateway.test/api/v1/events?types=export.failed.v1%2Cgeneration.completed.v1");
});

test("a connection without any sign of life is taken for dead, one with heartbeats is not", async () => {
  const quiet = connection(": still here\n\n", "silent");
  const { client, asked } = clientWith([quiet, connection(frame("1-0-1", COMPLETED))]);
  expect(await hurried(types(client.follow("s")))).toEqual([COMPLETED]);
  expect(asked).toHaveLength(2);
});

test("it ends where the service says that nothing will follow, and throws what reconnecting cannot cure", async () => {
  const over = clientWith([new Response(null, { status: 204 })]);
  expect(await types(over.client.followExport("e", { after: "1-0-9" }))).toEqual([]);
  expect(over.asked[0]?.headers.get("Last-Event-ID")).toBe("1-0-9");
  const gone = clientWith([problem(410, "cursor_expired")]);
  await expect(types(gone.client.stream({ after: "1-0-1" }))).rejects.toMatchObject({ code: "cursor_expired" });
  const foreign = clientWith([connection("data: <h1>\n\n")]);
  await expect(types(foreign.client.stream())).rejects.toMatchObject({ code: "unexpected_answer" });
});

test("a stream that is stopped, or left, ends its connection", async () => {
  let signal: AbortSignal | undefined;
  const answer = (_: unknown, given: AbortSignal) => {
    signal = given;
    return connection(frame("1-0-4", "generation.requested.v1"), "silent");
  };
  for await (const _ of clientWith([answer]).client.stream()) break;
  expect(signal?.aborted).toBe(true);
  const stop = new AbortController();
  const ended = new ReadableStream<Uint8Array>({
    start: (controller) => stop.signal.addEventListener("abort", () => controller.error(stop.signal.reason)),
  });
  const { client } = clientWith([new Response(ended)]);
  const work = types(client.stream({ signal: stop.signal, onOpen: () => stop.abort() }));
  await expect(hurried(work)).rejects.toMatchObject({ code: "aborted" });
});
