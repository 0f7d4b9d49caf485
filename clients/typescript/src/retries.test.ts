import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { clientWith, hurried, json, lost, never, problem } from "../tests/edge.ts";
import { SharpstreamError } from "./index.ts";

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
afterEach(() => vi.useRealTimers());

const SCENE = { id: "s", status: "completed" };

test("reading is repeated after lost connections and failures, with growing pauses of which half is random", async () => {
  const { client, asked, pauses } = clientWith([lost(), problem(502, "bad"), problem(500, "worse"), json(SCENE)]);
  expect(await hurried(client.scenes.get("s"))).toEqual(SCENE);
  expect(asked.map(({ url }) => url)).toEqual(Array(4).fill("http://gateway.test/api/v1/scenes/s"));
  expect(asked.every(({ headers }) => headers.get("X-API-Key") === "ss_key")).toBe(true);
  for (const [n, pause] of pauses.entries()) {
    expect(pause).toBeGreaterThanOrEqual(125 * 2 ** n);
    expect(pause).toBeLessThanOrEqual(250 * 2 ** n);
  }
});

test("it gives up after four retries, with the last error", async () => {
  const { client, asked } = clientWith(
    Array(5)
      .fill(problem(503, "busy"))
      .map((each: Response) => each.clone()),
  );
  await expect(hurried(client.scenes.list())).rejects.toMatchObject({ code: "busy", status: 503 });
  expect(asked).toHaveLength(5);
});

test("the service's Retry-After is followed and is no failure; too long a wait ends the call", async () => {
  const busy = (seconds: string) => problem(429, "rate_limited", { "Retry-After": seconds });
  const patient = clientWith([...Array(7).fill("2").map(busy), json([])]);
  expect(await hurried(patient.client.webhooks.list())).toEqual([]);
  for (const pause of patient.pauses) expect(pause >= 2000 && pause <= 2200).toBe(true);
  const { client, asked } = clientWith([busy("121")]);
  const thrown: unknown = await hurried(client.webhooks.list()).catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: "rate_limited", retryAfterMs: 121_000, mayPass: true });
  expect(asked).toHaveLength(1);
});

test("what might be done twice is sent again only where nothing was accepted", async () => {
  const make = (answers: Parameters<typeof clientWith>[0]) => {
    const made = clientWith(answers);
    return { ...made, work: hurried(made.client.webhooks.create("https://shop.example", ["*"])) };
  };
  for (const failure of [lost(), problem(500, "broken")]) {
    const { work, asked } = make([failure]);
    await expect(work).rejects.toBeInstanceOf(SharpstreamError);
    expect(asked).toHaveLength(1);
  }
  const refused = Object.assign(lost(), { cause: { code: "ECONNREFUSED" } });
  for (const failure of [refused, problem(503, "busy"), problem(429, "rate_limited")]) {
    const { work, asked } = make([failure, json({ id: "w" }, 201)]);
    expect(await work).toEqual({ id: "w" });
    expect(await Promise.all(asked.map(({ text }) => text))).toEqual(
      Array(2).fill('{"url":"https://shop.example","events":["*"],"description":""}'),
    );
  }
  const { client, asked } = clientWith([lost(), json({ export_id: "e", status: "pending", message: "" }, 202)]);
  expect((await hurried(client.exports.create("s", "spz"))).export_id).toBe("e"); // the same export is made once
  expect(asked).toHaveLength(2);
});

test("a photo goes out under one idempotency key however often it is sent", async () => {
  const accepted = { generation_id: "g", status: "pending", message: "" };
  const busy = problem(409, "idempotency_in_progress");
  const { client, asked } = clientWith([lost(), busy, json(accepted, 202), json(accepted, 202)]);
  const photo = new File(["bytes"], "kitchen.jpg", { type: "image/jpeg" });
  expect(await hurried(client.generate(photo, { metadata: { shelf: 7 }, focalLengthMm: 24 }))).toEqual(accepted);
  await hurried(client.generate(new TextEncoder().encode("bytes")));
  const keys = asked.map(({ headers }) => headers.get("Idempotency-Key"));
  expect(new Set(keys.slice(0, 3)).size).toBe(1);
  expect(keys[3]).toMatch(/^[0-9a-f]{32}$/);
  expect(keys[3]).not.toBe(keys[0]);
  const sent = await asked[2]?.text;
  for (const part of ['filename="kitchen.jpg"', "bytes", '{"shelf":7}', 'name="focal_length_mm"\r\n\r\n24'])
    expect(sent).toContain(part);
});

test("a problem is thrown with its code, sentence and correlation id; a proxy's page with its status", async () => {
  const { client } = clientWith([problem(404, "not_found"), new Response("<h1>Bad gateway</h1>", { status: 418 })]);
  const thrown: unknown = await client.scenes.get("s").catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(SharpstreamError);
  expect(thrown).toMatchObject({ code: "not_found", message: "It is not_found.", status: 404, correlationId: "c0" });
  await expect(client.scenes.get("s")).rejects.toMatchObject({ code: "unexpected_answer", status: 418 });
});

test("an answer that is no JSON says to check the URL", async () => {
  const { client } = clientWith([new Response("<h1>Hello</h1>")]);
  await expect(client.models()).rejects.toMatchObject({ code: "unexpected_answer" });
});

test("a call that is stopped ends at once, whether it runs or pauses", async () => {
  const running = clientWith([never]);
  const stop = new AbortController();
  const work = running.client.wait("s", { signal: stop.signal });
  stop.abort();
  await expect(work).rejects.toMatchObject({ code: "aborted", mayPass: false });
  const second = new AbortController();
  const pausing = clientWith([lost()], { retries: { onPause: () => second.abort() } });
  await expect(pausing.client.wait("s", { signal: second.signal })).rejects.toMatchObject({ code: "aborted" });
});

test("an attempt that takes too long is made again", async () => {
  const { client, asked } = clientWith([never, json(SCENE)]);
  expect(await hurried(client.scenes.get("s"))).toEqual(SCENE);
  expect(asked).toHaveLength(2);
});

test("an access token that was refused is renewed once; public operations get none", async () => {
  const refused: (string | null)[] = [];
  const token = (old: string | null) => {
    refused.push(old);
    return old === null ? "a" : "b";
  };
  const answers = [problem(401, "token_expired"), json(SCENE), problem(401, "token_expired"), problem(401, "x")];
  const { client, asked } = clientWith([...answers, json([])], { apiKey: undefined, token });
  expect(await client.scenes.get("s")).toEqual(SCENE);
  await expect(client.scenes.get("s")).rejects.toMatchObject({ code: "x", status: 401 });
  await client.models();
  expect(asked.map(({ headers }) => headers.get("Authorization"))).toEqual([
    "Bearer a",
    "Bearer b",
    "Bearer a",
    "Bearer b",
    null,
  ]);
  expect(refused).toEqual([null, "a", null, "a"]);
});

test("waiting ends with the scene or after the time that it was given", async () => {
  const pending = { ...SCENE, status: "processing" };
  const { client, asked } = clientWith([json(pending), json(SCENE)]);
  expect(await client.wait("s", { timeoutMs: 5_000 })).toEqual(SCENE);
  expect(asked[0]?.headers.get("Prefer")).toBe("wait=5");
  const slow = () => {
    vi.advanceTimersByTime(2_000);
    return json(pending);
  };
  await expect(clientWith([slow]).client.wait("s", { timeoutMs: 1_000 })).rejects.toMatchObject({ code: "timed_out" });
});

test("an export that failed is thrown with the service's own code", async () => {
  const accepted = json({ export_id: "e", status: "pending", message: "" }, 202);
  const made = { id: "e", export_file_url: null, error_code: null, error_message: null };
  const failed = { ...made, status: "failed", error_code: "too_large", error_message: "It is too large." };
  const { client } = clientWith([accepted, json({ ...made, status: "pending" }), json(failed)]);
  const work = hurried(client.export("s", "spz", { max_gaussians: 5 }));
  await expect(work).rejects.toMatchObject({ code: "too_large", message: "It is too large." });
});
