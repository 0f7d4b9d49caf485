/** Objects of the store, by their presigned addresses; no credentials go there. */
import { SharpstreamError, unanswered } from "./errors.ts";
import { Backoff, sleep } from "./retries.ts";
import { NO_COOKIES, type Transport } from "./transport.ts";

export type DownloadOptions = {
  /** Called with the bytes done, and those in total where that is known. */
  onProgress?: (done: number, total: number | null) => void;
  /** Refuse a file that has another one, as hexadecimal digits. */
  sha256?: string;
  signal?: AbortSignal;
};

const TRIES = 3;

/** Return an object's bytes. A broken download is begun again, a few times. */
export async function download(transport: Transport, url: string, options: DownloadOptions): Promise<Uint8Array> {
  const backoff = new Backoff();
  for (let left = TRIES - 1; ; left -= 1) {
    try {
      return await checked(await fetched(transport, url, options), options.sha256);
    } catch (thrown) {
      const error = failure(thrown, url, options.signal);
      if (error.code === "aborted" || left === 0 || (error.status >= 400 && error.status < 500)) throw error;
      await sleep(backoff.next(), options.signal);
    }
  }
}

async function fetched(
  transport: Transport,
  url: string,
  { onProgress, signal }: DownloadOptions,
): Promise<Uint8Array> {
  const answer = await transport.plainFetch(url, { ...NO_COOKIES, ...(signal && { signal }) });
  if (!answer.ok || answer.body === null) {
    const message = "The file could not be fetched: its address may have run out. Read the scene or export again.";
    throw new SharpstreamError("download_failed", message, { status: answer.status });
  }
  const total = Number(answer.headers.get("Content-Length")) || null;
  const parts: Uint8Array[] = [];
  let done = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const piece = await reader.read();
    if (piece.done) return whole(parts, done);
    parts.push(piece.value);
    done += piece.value.length;
    onProgress?.(done, total);
  }
}

function whole(parts: Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

async function checked(bytes: Uint8Array, sha256: string | undefined): Promise<Uint8Array> {
  if (sha256 === undefined) return bytes;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  const found = Array.from(digest, (each) => each.toString(16).padStart(2, "0")).join("");
  if (found === sha256) return bytes;
  throw new SharpstreamError("download_failed", "The file arrived damaged: its sha256 differs. Try again.");
}

function failure(thrown: unknown, url: string, signal: AbortSignal | undefined): SharpstreamError {
  const error = unanswered(new URL(url).origin, thrown, signal);
  if (error.code !== "unreachable") return error;
  return new SharpstreamError("download_failed", error.message, { cause: error });
}
