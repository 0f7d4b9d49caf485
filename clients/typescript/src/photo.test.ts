import { afterEach, expect, test, vi } from "vitest";

import { clientWith, json } from "../tests/edge.ts";
import { MOST_BYTES } from "./index.ts";

afterEach(() => vi.unstubAllGlobals());

const ACCEPTED = { generation_id: "g", status: "pending", message: "" };
const accepted = () => json(ACCEPTED, 202);

const streamOf = (...parts: string[]): ReadableStream<Uint8Array> => new Blob(parts).stream();

test.each([
  ["a blob", () => new Blob(["bytes"])],
  ["bytes", () => new TextEncoder().encode("bytes")],
  ["a buffer", () => new TextEncoder().encode("bytes").buffer],
  ["a stream", () => streamOf("by", "tes")],
])("%s is sent as a form, under the name that it is given", async (_, photo) => {
  const { client, asked } = clientWith([accepted()]);
  expect(await client.generate(photo(), { name: "hall.jpg", priority: "bulk" })).toEqual(ACCEPTED);
  const sent = await asked[0]?.text;
  expect(sent).toContain('filename="hall.jpg"');
  expect(sent).toContain("bytes");
  expect(sent).toContain('name="priority"\r\n\r\nbulk');
});

test("a photo that the service would refuse is not sent, nor is an endless stream read", async () => {
  const { client, asked } = clientWith([]);
  const piece = new Uint8Array(8 * 1024 * 1024);
  let pieces = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pieces += 1;
      controller.enqueue(piece);
    },
  });
  await expect(client.generate(endless)).rejects.toMatchObject({ code: "photo_too_large", status: 413 });
  expect(pieces).toBeLessThan(10);
  const large = new Blob([new Uint8Array(MOST_BYTES + 1)]);
  await expect(client.generate(large)).rejects.toMatchObject({ code: "photo_too_large" });
  expect(asked).toEqual([]);
});

test("without XMLHttpRequest what the connection takes is reported", async () => {
  const { client, asked } = clientWith([accepted()]);
  const seen: number[] = [];
  await client.generate(new Blob([new Uint8Array(300_000)]), {
    name: "hall.jpg",
    onProgress: (each) => seen.push(each),
  });
  expect(seen[0]).toBe(0);
  expect(seen.at(-1)).toBe(1);
  expect(seen.length).toBeGreaterThan(2);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(asked[0]?.headers.get("Content-Type")).toMatch(/^multipart\/form-data; boundary=/);
  expect(await asked[0]?.text).toContain('filename="hall.jpg"');
});

test("with XMLHttpRequest a photo goes out by it, with the same retries and credentials", async () => {
  const sent: { url: string; headers: Record<string, string>; form: FormData }[] = [];
  const statuses = [0, 202];
  class FakeRequest {
    upload: { onprogress?: (event: object) => void } = {};
    status = 0;
    responseText = JSON.stringify(ACCEPTED);
    onerror = () => undefined;
    onload = () => undefined;
    #url = "";
    #headers: Record<string, string> = {};
    open = (_: string, url: string) => (this.#url = url);
    setRequestHeader = (name: string, value: string) => (this.#headers[name] = value);
    getResponseHeader = () => null;
    send(form: FormData) {
      sent.push({ url: this.#url, headers: this.#headers, form });
      this.upload.onprogress?.({ lengthComputable: true, loaded: 1, total: 2 });
      this.status = statuses.shift() ?? 500;
      queueMicrotask(() => (this.status ? this.onload() : this.onerror()));
    }
  }
  vi.stubGlobal("XMLHttpRequest", FakeRequest);
  const { client, pauses } = clientWith([]);
  const seen: number[] = [];
  expect(await client.generate(new Blob(["bytes"]), { onProgress: (each) => seen.push(each) })).toEqual(ACCEPTED);
  expect(seen).toEqual([0, 0.5, 0, 0.5]);
  expect(pauses).toHaveLength(1);
  expect(sent.map(({ url }) => url)).toEqual(Array(2).fill("http://gateway.test/api/v1/scenes/generate"));
  expect(sent[0]?.headers["x-api-key"]).toBe("ss_key");
  expect(sent[0]?.headers["idempotency-key"]).toBe(sent[1]?.headers["idempotency-key"]);
});

test("a photo by its address or upload is sent as JSON, under a key of its own", async () => {
  const { client, asked } = clientWith([accepted(), accepted()]);
  await client.generateFrom({ url: "https://example.com/a.jpg" }, { metadata: { shelf: 7 }, idempotencyKey: "once" });
  await client.generateFrom({ uploadId: "u" }, { deleteAfterHours: 2 });
  const bodies = await Promise.all(asked.map(({ text }) => text));
  expect(bodies.map((each) => JSON.parse(each) as unknown)).toEqual([
    { image_url: "https://example.com/a.jpg", metadata: { shelf: 7 } },
    { upload_id: "u", delete_after_hours: 2 },
  ]);
  expect(asked[0]?.headers.get("Idempotency-Key")).toBe("once");
  expect(asked[1]?.headers.get("Idempotency-Key")).toMatch(/^[0-9a-f]{32}$/);
});
