import { client, shown } from "./client";

export type Upload = { file: File; onProgress: (fraction: number) => void; signal: AbortSignal; key: string };

/** Send one photo and return its generation's id. A repeated call with the same `key` makes one scene. */
export async function sendPhoto({ file, key, ...rest }: Upload): Promise<string> {
  return (await shown(client.generate(file, { idempotencyKey: key, ...rest }))).generation_id;
}
