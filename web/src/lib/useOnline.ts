import { useSyncExternalStore } from "react";

/** Tell whether the browser has a connection, as far as it knows. */
export const useOnline = (): boolean => useSyncExternalStore(listen, () => navigator.onLine);

function listen(listener: () => void): () => void {
  const off = new AbortController();
  for (const kind of ["online", "offline"]) addEventListener(kind, listener, { signal: off.signal });
  return () => off.abort();
}
