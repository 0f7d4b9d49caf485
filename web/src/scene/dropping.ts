/** Photos come from anywhere on any page: dropped, or pasted. */
import { useSyncExternalStore } from "react";

let over = false;
const listeners = new Set<() => void>();

/** Tell whether files are held over the page. */
export const useHeldOver = (): boolean => useSyncExternalStore(listen, () => over);

/** Hand every file that is dropped or pasted to `take`; returns how to stop. */
export function takeFiles(take: (files: File[]) => void): () => void {
  const off = new AbortController();
  const on = <K extends keyof DocumentEventMap>(kind: K, act: (event: DocumentEventMap[K]) => void) =>
    document.addEventListener(kind, act, { signal: off.signal });
  const taken = (files: FileList | undefined) => files?.length && take([...files]);
  on("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    hold(true);
  });
  on("dragleave", (event) => event.relatedTarget === null && hold(false));
  on("drop", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // else the browser leaves the page for the file
    hold(false);
    taken(event.dataTransfer.files);
  });
  on("paste", (event) => taken(event.clipboardData?.files));
  return () => off.abort();
}

function hold(now: boolean): void {
  if (over === now) return;
  over = now;
  for (const listener of listeners) listener();
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
