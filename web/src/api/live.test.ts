import { expect, test, vi } from "vitest";

vi.mock("./session", () => ({
  accessToken: () => Promise.resolve("a"),
  renew: () => Promise.resolve("b"),
  signedIn: () => true,
  onSession: () => () => undefined,
}));

vi.mock("./leader", () => ({
  lead: (work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal) => work(signal),
  pause: () => Promise.resolve(),
}));

const frame = (id: string | null, type: string) =>
  `${id ? `id: ${id}\n` : ""}event: ${type}\ndata: ${JSON.stringify({ id: "e", type, subject: "s", data: {} })}\n\n`;

/** A stream that breaks after these pieces, cut where networks cut: anywhere. */
const broken = (text: string) =>
  new Response(
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (const half of [text.slice(0, 21), text.slice(21)]) controller.enqueue(new TextEncoder().encode(half));
        controller.close();
      },
    }),
  );

test("after a break the stream goes on behind the last event that had an id; a sign-in that ran out is renewed", async () => {
  const asked: Headers[] = [];
  const answers = [
    broken(`retry: 1\n\n${frame("1-0-4", "generation.requested.v1")}${frame(null, "generation.progress.v1")}`),
    new Response(null, { status: 401 }),
    broken(frame("1-0-5", "generation.completed.v1")),
  ];
  vi.stubGlobal("fetch", async (_: string, { headers }: { headers: Headers }) => {
    asked.push(new Headers(headers));
    return answers.shift() ?? new Promise(() => undefined);
  });
  const { follow } = await import("./live");
  const seen: string[] = [];
  let opened = 0;
  const stop = await new Promise<() => void>((resolve) => {
    const off = follow({
      open: () => (opened += 1),
      event: ({ type }) => {
        seen.push(type);
        if (seen.length === 3) resolve(off);
      },
    });
  });
  stop();
  expect(seen).toEqual(["generation.requested.v1", "generation.progress.v1", "generation.completed.v1"]);
  expect(opened).toBe(2);
  expect(asked.map((each) => [each.get("Authorization"), each.get("Last-Event-ID")])).toEqual([
    ["Bearer a", null],
    ["Bearer a", "1-0-4"],
    ["Bearer b", "1-0-4"],
  ]);
});
