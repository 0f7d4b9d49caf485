import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { verifyWebhook } from "./index.ts";

type Vector = { what: string; genuine: boolean; secret: string; headers: Record<string, string>; body: string };

/** The same as the Python client is held to. */
const { now, vectors } = JSON.parse(readFileSync("../webhook_vectors.json", "utf8")) as {
  now: number;
  vectors: Vector[];
};
const NOW = { now: now * 1000 };
const [first] = vectors as [Vector];

describe("webhooks", () => {
  test.each(vectors)("$what", async ({ genuine, secret, headers, body }) => {
    const work = verifyWebhook(body, headers, secret, NOW);
    if (genuine) expect(await work).toEqual(JSON.parse(body));
    else await expect(work).rejects.toMatchObject({ code: "signature_invalid" });
  });
});

test("body and headers are taken as every runtime has them", async () => {
  const { body, headers, secret } = first;
  const bytes = new TextEncoder().encode(body);
  const upper = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name.toUpperCase(), [text]]));
  for (const content of [body, bytes, bytes.buffer]) {
    for (const given of [headers, upper, new Headers(headers)])
      expect((await verifyWebhook(content, given, secret, NOW)).type).toBe("generation.completed.v1");
  }
  const request = new Request("http://shop.test", { method: "POST", body, headers });
  expect(await verifyWebhook(await request.text(), request.headers, secret, NOW)).toHaveProperty("subject");
});

test("one of several secrets is enough, and a secret that is none is said to be", async () => {
  const { body, headers, secret } = first;
  const other = `whsec_${btoa("of another endpoint")}`;
  expect(await verifyWebhook(body, headers, [other, secret], NOW)).toHaveProperty("id");
  await expect(verifyWebhook(body, headers, other, NOW)).rejects.toThrow("no signature matches");
  await expect(verifyWebhook(body, headers, "", NOW)).rejects.toThrow("it begins with whsec_");
  await expect(verifyWebhook(body, headers, secret)).rejects.toThrow("too far from now");
  expect(await verifyWebhook(body, headers, secret, { toleranceS: Number.POSITIVE_INFINITY })).toHaveProperty("id");
});

test("bytes that are no text are refused", async () => {
  const { headers, secret } = first;
  await expect(verifyWebhook(Uint8Array.of(0xff, 0xfe), headers, secret, NOW)).rejects.toThrow("not genuine");
});
