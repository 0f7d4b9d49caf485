/** Fetches objects of the store by their presigned URLs; no credentials of ours go there. */
import { ApiError, unreachable } from "./problem";

/** Return an object's bytes, telling how much of it is here. */
export async function fetchObject(
  url: string,
  onProgress: (fraction: number) => void,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const answer = await fetch(url, { signal, credentials: "omit" }).catch((error: unknown) => {
    throw error instanceof TypeError ? unreachable() : error;
  });
  if (!answer.ok || !answer.body) {
    throw new ApiError("object_unavailable", "The file could not be fetched: its link may have run out. Try again.", {
      status: answer.status,
    });
  }
  const total = Number(answer.headers.get("Content-Length")) || 0;
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    if (total) onProgress(size / total);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
