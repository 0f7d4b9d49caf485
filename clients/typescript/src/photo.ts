/** Photos on their way out: what may be given as one, the form that carries it, and how much of it has gone. */
import { SharpstreamError } from "./errors.ts";
import { type Attempt, NO_COOKIES, type Transport } from "./transport.ts";

/** A `File` of an `<input>` or of a drop, any other bytes, or a stream of them. */
export type Photo = Blob | ArrayBuffer | Uint8Array | ReadableStream<Uint8Array>;

export type GenerateOptions = {
  /** What the scene is called; default: the file's name. */
  name?: string;
  /** A JSON object of your own, given back with the scene. */
  metadata?: Record<string, unknown>;
  /** Focal length in pixels of the upright photo. */
  focalLengthPx?: number;
  /** Focal length in mm of 35 mm film. */
  focalLengthMm?: number;
  /** `bulk` gives way to `interactive`. */
  priority?: "interactive" | "bulk";
  /** Where to send the event that ends this scene. */
  webhookUrl?: string;
  /** Have the scene deleted after so long. */
  deleteAfterHours?: number;
  /** The same key makes one scene for 24 hours; default: a new one for each call, under which its retries go out. */
  idempotencyKey?: string;
  signal?: AbortSignal;
};
export type SendOptions = GenerateOptions & {
  /** Called with the part of the photo that has gone out, 0 to 1. Browsers report it exactly. */
  onProgress?: (fraction: number) => void;
};

/** The service takes no larger photo. */
export const MOST_BYTES = 50 * 1024 * 1024;
const UPLOAD_MS = 15 * 60_000;
const PATH = "/api/v1/scenes/generate";

/** Send a photo as a form, under one idempotency key however often it goes out; return the answer. */
export async function sendPhoto(transport: Transport, photo: Photo, options: SendOptions): Promise<Response> {
  const blob = await blobOf(photo);
  const named = blob as Partial<Pick<File, "name">>;
  const form = new FormData();
  for (const [field, value] of Object.entries(fieldsOf(options))) form.append(field, value);
  form.append("image", blob, options.name ?? named.name ?? "photo");
  const headers = { "Idempotency-Key": options.idempotencyKey ?? newKey() };
  const url = transport.url + PATH;
  const attempt: Attempt = options.onProgress
    ? (own, signal) =>
        withProgress(transport, url, form, blob.size, own, signal, options.onProgress ?? (() => undefined))
    : (own, signal) => transport.plainFetch(url, { method: "POST", body: form, headers: own, signal, ...NO_COOKIES });
  return transport.send(attempt, { path: PATH, headers, signal: options.signal }, true, UPLOAD_MS);
}

/** Return the fields of a request besides the photo, as the form has them. */
function fieldsOf(options: GenerateOptions): Record<string, string> {
  const { metadata, focalLengthPx, focalLengthMm, priority, webhookUrl, deleteAfterHours } = options;
  return {
    ...(metadata && { metadata: JSON.stringify(metadata) }),
    ...(focalLengthPx !== undefined && { focal_length_px: String(focalLengthPx) }),
    ...(focalLengthMm !== undefined && { focal_length_mm: String(focalLengthMm) }),
    ...(priority && { priority }),
    ...(webhookUrl && { webhook_url: webhookUrl }),
    ...(deleteAfterHours !== undefined && { delete_after_hours: String(deleteAfterHours) }),
  };
}

/** Return the same fields for a JSON body. */
export function bodyOf(options: GenerateOptions) {
  const { metadata, focalLengthPx, focalLengthMm, priority, webhookUrl, deleteAfterHours } = options;
  return {
    // The document calls it an object without saying of what.
    ...(metadata && { metadata: metadata as Record<string, never> }),
    ...(focalLengthPx !== undefined && { focal_length_px: focalLengthPx }),
    ...(focalLengthMm !== undefined && { focal_length_mm: focalLengthMm }),
    ...(priority && { priority }),
    ...(webhookUrl && { webhook_url: webhookUrl }),
    ...(deleteAfterHours !== undefined && { delete_after_hours: deleteAfterHours }),
  };
}

/** Return a key of our own making. `randomUUID` exists on secure origins alone. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
}

/** A stream can be sent once, and a lost connection asks for a second time: its bytes are kept meanwhile. */
async function blobOf(photo: Photo): Promise<Blob> {
  if (photo instanceof Blob) return limited(photo);
  if (!(photo instanceof ReadableStream)) return limited(new Blob([photo as BlobPart]));
  const parts: BlobPart[] = [];
  let size = 0;
  const reader = photo.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts);
    parts.push(value as BlobPart);
    size += value.length;
    if (size > MOST_BYTES) {
      await reader.cancel();
      throw tooLarge();
    }
  }
}

function limited(blob: Blob): Blob {
  if (blob.size > MOST_BYTES) throw tooLarge();
  return blob;
}

const tooLarge = (): SharpstreamError =>
  new SharpstreamError("photo_too_large", "The photo has more than 50 MiB; send a smaller copy.", { status: 413 });

type Report = (fraction: number) => void;

/** XMLHttpRequest where there is one: browsers report through it alone how much of a body has gone out. */
function withProgress(
  transport: Transport,
  url: string,
  form: FormData,
  size: number,
  headers: Headers,
  signal: AbortSignal,
  report: Report,
): Promise<Response> {
  report(0);
  return "XMLHttpRequest" in globalThis
    ? sendByXhr(url, form, headers, signal, report)
    : sendAsStream(transport, url, form, size, headers, signal, report);
}

function sendByXhr(
  url: string,
  form: FormData,
  headers: Headers,
  signal: AbortSignal,
  report: Report,
): Promise<Response> {
  const request = new XMLHttpRequest();
  request.open("POST", url);
  headers.forEach((value, name) => request.setRequestHeader(name, value));
  return new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => event.lengthComputable && report(event.loaded / event.total);
    request.onerror = () => reject(new TypeError("the connection was lost"));
    const stopped = () => reject(signal.reason instanceof Error ? signal.reason : new TypeError("it was stopped"));
    request.onabort = stopped;
    request.onload = () => resolve(answerOf(request));
    if (signal.aborted) return stopped();
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

function answerOf(request: XMLHttpRequest): Response {
  const headers = new Headers();
  for (const name of ["Content-Type", "Location", "Retry-After", "X-Correlation-ID"]) {
    const value = request.getResponseHeader(name);
    if (value !== null) headers.set(name, value);
  }
  return new Response(request.responseText, { status: request.status, headers });
}

/** Elsewhere the form is sent as a stream, and what the connection takes of it is counted. */
async function sendAsStream(
  transport: Transport,
  url: string,
  form: FormData,
  size: number,
  headers: Headers,
  signal: AbortSignal,
  report: Report,
): Promise<Response> {
  const encoded = new Response(form);
  headers.set("Content-Type", encoded.headers.get("Content-Type") ?? "");
  let taken = 0;
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, to) {
      taken += chunk.length;
      report(Math.min(taken / size, 1));
      to.enqueue(chunk);
    },
  });
  const body = (encoded.body as ReadableStream<Uint8Array>).pipeThrough(count);
  const init = { method: "POST", body, headers, signal, duplex: "half", ...NO_COOKIES };
  return transport.plainFetch(url, init);
}
