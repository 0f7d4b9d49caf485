/** Photos that somebody chose before signing in: they are sent as soon as there is an account to send them to. */
import { useSyncExternalStore } from "react";

import { add } from "./uploads";

let waiting: File[] = [];
const listeners = new Set<() => void>();

/** How many photos wait for a sign-in. */
export const useWaiting = (): number => useSyncExternalStore(listen, () => waiting.length);

/** Send these photos, or keep them until somebody has signed in; returns the page to go to. */
export function send(files: File[], signedIn: boolean): string {
  if (signedIn) {
    add(files);
    return "/";
  }
  set([...waiting, ...files]);
  return "/sign-up";
}

/** Send what waited: somebody has signed in. */
export function sendWaiting(): void {
  if (!waiting.length) return;
  const files = waiting;
  set([]);
  add(files);
}

function set(next: File[]): void {
  waiting = next;
  for (const listener of listeners) listener();
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
