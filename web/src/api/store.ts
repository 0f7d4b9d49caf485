/** Fetches objects of the store by their presigned URLs; no credentials of ours go there. */
import { client, shown } from "./client";

/** Return an object's bytes, reporting how much of it is here. */
export const fetchObject = (
  url: string,
  report: (fraction: number) => void,
  signal: AbortSignal,
): Promise<Uint8Array> =>
  shown(client.download(url, { signal, onProgress: (done, total) => total && report(done / total) }));
