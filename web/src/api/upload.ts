/** Sends a photo. XMLHttpRequest and not fetch: only that tells how much of a body has gone out. */
import { ApiError, problemOf, unreachable } from "./problem";
import { accessToken, renew } from "./session";

export type Upload = { file: File; onProgress: (fraction: number) => void; signal: AbortSignal; key: string };
type Sent = { status: number; body: unknown };

/** Send one photo and return its generation's id. A repeated call with the same `key` makes one scene. */
export async function sendPhoto(upload: Upload): Promise<string> {
  let sent = await send(upload, await accessToken());
  if (sent.status === 401) sent = await send(upload, await renew());
  if (sent.status >= 300) throw problemOf(sent.status, sent.body);
  return (sent.body as { generation_id: string }).generation_id;
}

function send({ file, onProgress, signal, key }: Upload, token: string | null): Promise<Sent> {
  const form = new FormData();
  form.append("image", file);
  const request = new XMLHttpRequest();
  request.open("POST", "/api/v1/scenes/generate");
  request.setRequestHeader("Idempotency-Key", key);
  if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
  return new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(new ApiError("aborted", "The upload was stopped."));
    request.onload = () => resolve({ status: request.status, body: parsed(request.responseText) });
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
