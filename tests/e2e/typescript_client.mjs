// What the TypeScript client promises, against a running system; an assertion that fails ends it with its own words.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Sharpstream, verifyWebhook } from "@sharpstream/client";

const client = new Sharpstream({ url: `${process.env.SHARPSTREAM_URL}/`, apiKey: process.env.SHARPSTREAM_API_KEY });
const photo = readFileSync("kitchen.jpg");

// One scene for one key, with and without progress, whatever the photo is given as.
const idempotencyKey = crypto.randomUUID();
const sent = [];
const given = [new Blob([photo]), photo, new Blob([photo]).stream()];
for (const each of given) sent.push(await client.generate(each, { name: "kitchen.jpg", idempotencyKey }));
const fractions = [];
const onProgress = (fraction) => fractions.push(fraction);
sent.push(await client.generate(new Blob([photo]), { name: "kitchen.jpg", idempotencyKey, onProgress }));
assert.equal(new Set(sent.map(({ generation_id }) => generation_id)).size, 1);
assert.equal(fractions.at(-1), 1);
const id = sent[0].generation_id;

// Each event once, also when every connection breaks after its first event.
const whole = [];
for await (const event of client.follow(id)) if (event.cursor) whole.push(event.cursor);
assert.equal(whole.length, 2);
let connections = 0;
const cut = async (input, init) => {
  const answer = await fetch(input, init);
  if (!String(input).endsWith("/events") || answer.body === null) return answer;
  connections += 1;
  const reader = answer.body.getReader();
  let hasEvent = false;
  const body = new ReadableStream({
    async pull(controller) {
      const { done, value } = hasEvent ? { done: true } : await reader.read();
      if (done) {
        await reader.cancel();
        controller.error(new TypeError("terminated"));
        return;
      }
      const text = new TextDecoder().decode(value);
      const end = text.indexOf("\n\n", text.indexOf("data:"));
      hasEvent = text.includes("data:") && end >= 0;
      controller.enqueue(new TextEncoder().encode(hasEvent ? text.slice(0, end + 2) : text));
    },
  });
  return new Response(body, answer);
};
const broken = new Sharpstream({ url: process.env.SHARPSTREAM_URL, apiKey: process.env.SHARPSTREAM_API_KEY, fetch: cut });
const pieces = [];
for await (const event of broken.follow(id)) if (event.cursor) pieces.push(event.cursor);
assert.deepEqual(pieces, whole);
assert.equal(connections, 2);
const rest = [];
for await (const event of client.follow(id, { after: whole[0] })) rest.push(event.type);
assert.deepEqual(rest, ["generation.completed.v1"]);
for await (const event of client.follow(id, { after: whole[1] })) assert.fail(event.type);

// Waiting, downloading, an upload into the store.
const scene = await client.wait(id);
assert.equal(scene.status, "completed");
const splat = await client.download(scene.generated_3d_gaussian_url, { sha256: scene.metadata.result.sha256 });
assert.equal(splat.length, scene.metadata.result.bytes);
const put = { body: { bytes: photo.length, media_type: "image/jpeg" } };
const { data: upload } = await client.api.POST("/api/v1/uploads", put);
assert.ok((await fetch(upload.url, { method: upload.method, headers: upload.headers, body: photo })).ok);
const uploaded = await client.generateFrom({ uploadId: upload.upload_id }, { priority: "bulk", metadata: { shelf: 7 } });
assert.deepEqual((await client.wait(uploaded.generation_id)).metadata.client, { shelf: 7 });

// An export, made once.
const options = { max_gaussians: 1000 };
const first = await client.exports.make(id, "spz", options);
assert.equal((await client.exports.make(id, "spz", options)).id, first.id);
const types = [];
for await (const { type } of client.followExport(first.id)) types.push(type);
assert.equal(types.at(-1), "export.completed.v1");
await assert.rejects(client.export(id, "spz", { shelf: 7 }), { code: "validation_failed", status: 422 });

// A webhook: made, called, verified with either secret, changed, removed.
let received;
const delivery = new Promise((resolve) => (received = resolve));
const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    response.writeHead(204).end();
    const body = Buffer.concat(parts);
    if (JSON.parse(body).type === "webhook.test.v1") received({ body, headers: request.headers });
  });
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const hook = await client.webhooks.create(`http://127.0.0.1:${server.address().port}/`, ["generation.completed.v1"]);
const { secret } = await client.webhooks.rotateSecret(hook.id);
await client.webhooks.test(hook.id);
const { body, headers } = await delivery;
assert.equal((await verifyWebhook(body, headers, secret)).type, "webhook.test.v1");
assert.equal((await verifyWebhook(body, headers, hook.secret)).type, "webhook.test.v1");
await assert.rejects(verifyWebhook(Buffer.concat([body, body]), headers, secret), { code: "signature_invalid" });
assert.equal((await client.webhooks.change(hook.id, { status: "disabled" })).status, "disabled");
await client.webhooks.delete(hook.id);
await assert.rejects(client.webhooks.get(hook.id), { code: "not_found", status: 404 });
server.close();

// Shares are seen without credentials.
const share = await client.shares.create(id, { expires_in_hours: 1 });
const visitor = new Sharpstream({ url: process.env.SHARPSTREAM_URL });
assert.equal((await visitor.shares.open(share.token)).name, "kitchen.jpg");
await client.shares.end(share.id);
await assert.rejects(visitor.shares.open(share.token), ({ status }) => [404, 410].includes(status));
await assert.rejects(visitor.scenes.list(), { status: 401 });

await client.scenes.delete(id);
process.exit(0);
