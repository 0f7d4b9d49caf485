/** Verifies webhooks for their receivers, as Standard Webhooks describes, by WebCrypto. */
import { SharpstreamError } from "./errors.ts";
import { isEvent } from "./following.ts";
import type { Event } from "./types.ts";

/** As `Request` and `fetch` have them, or as Node's `request.headers`. */
export type ReceivedHeaders = Headers | Record<string, string | string[] | undefined>;

export type Verification = {
  /** How far the sender's clock may be from ours, before and after: 5 minutes. */
  toleranceS?: number;
  /** The present in milliseconds, for tests. */
  now?: number;
};

/**
 * Return the event of a webhook, after making sure that it is genuine and recent.
 *
 * `body` is the request's body as it was received, not parsed and written again. `secret` is the endpoint's
 * `whsec_...`; while a secret is being changed the service signs with both, so one is enough. Delivery is
 * at-least-once: the same event, by its `id`, may come again. Throws `signature_invalid`: answer 400 then.
 */
export async function verifyWebhook(
  body: string | ArrayBuffer | Uint8Array,
  headers: ReceivedHeaders,
  secret: string | string[],
  { toleranceS = 300, now = Date.now() }: Verification = {},
): Promise<Event> {
  const [id, timestamp, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) =>
    header(headers, name),
  );
  if (!id || !timestamp || !signatures) throw refused("a header is missing");
  if (!/^\d+$/.test(timestamp)) throw refused("its timestamp is no number");
  if (Math.abs(now / 1000 - Number(timestamp)) > toleranceS) throw refused("its timestamp is too far from now");
  const content = bytesOf(body);
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), content);
  const given = signatures.split(" ").filter((each) => each.startsWith("v1,"));
  let genuine = false;
  for (const each of [secret].flat()) {
    const key = await keyOf(each);
    for (const signature of given) {
      const claimed = base64(signature.slice("v1,".length));
      // The comparison is WebCrypto's, which takes as long for any wrong signature.
      if (claimed && (await crypto.subtle.verify("HMAC", key, claimed, signed))) genuine = true;
    }
  }
  if (!genuine) throw refused("no signature matches");
  return parsed(content);
}

async function keyOf(secret: string): Promise<CryptoKey> {
  const raw = base64(secret.replace(/^whsec_/, ""));
  if (!raw?.length) throw new SharpstreamError("signature_invalid", "The secret is not one: it begins with whsec_.");
  return crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

function parsed(content: Uint8Array): Event {
  try {
    const event: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
    if (isEvent(event)) return event;
  } catch {
    // said below
  }
  throw refused("its body is no event");
}

function refused(reason: string): SharpstreamError {
  return new SharpstreamError("signature_invalid", `The webhook is not genuine: ${reason}.`);
}

function header(headers: ReceivedHeaders, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const found = Object.entries(headers).find(([each]) => each.toLowerCase() === name)?.[1];
  return Array.isArray(found) ? found.join(" ") : found;
}

function bytesOf(body: string | ArrayBuffer | Uint8Array): Uint8Array {
  if (typeof body === "string") return new TextEncoder().encode(body);
  return body instanceof Uint8Array ? body : new Uint8Array(body);
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(head.length + tail.length);
  both.set(head);
  both.set(tail, head.length);
  return both;
}

function base64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  } catch {
    return null;
  }
}
