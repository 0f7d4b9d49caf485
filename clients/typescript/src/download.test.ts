import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { clientWith, hurried, lost } from "../tests/edge.ts";

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
afterEach(() => vi.useRealTimers());

const URL = "http://store.test/a.ply?sig=1";
const SHA256 = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"; // of "data"

test("an object is fetched without credentials, again after a break, and checked", async () => {
  const cut = new Response(new ReadableStream({ start: (each) => each.error(lost()) }));
  const damaged = new Response("date");
  const whole = new Response("data", { headers: { "Content-Length": "4" } });
  const { client, asked } = clientWith([cut, damaged, whole]);
  const seen: [number, number | null][] = [];
  const onProgress = (done: number, total: number | null) => seen.push([done, total]);
  const bytes = await hurried(client.download(URL, { onProgress, sha256: SHA256 }));
  expect(new TextDecoder().decode(bytes)).toBe("data");
  expect(seen.at(-1)).toEqual([4, 4]);
  expect(asked.map(({ headers }) => [...headers])).toEqual([[], [], []]);
});

test("an address that has run out is not tried again", async () => {
  const { client, asked } = clientWith([new Response(null, { status: 403 })]);
  await expect(client.download(URL)).rejects.toMatchObject({ code: "download_failed", status: 403 });
  expect(asked).toHaveLength(1);
  const broken = clientWith([lost(), lost(), lost()]);
  await expect(hurried(broken.client.download(URL))).rejects.toMatchObject({ code: "download_failed" });
});
