/** Photos on their way to the service, wherever in the page they were dropped; two at a time. */
import { useSyncExternalStore } from "react";

import { asApiError } from "../api/problem";
import { sendPhoto } from "../api/upload";

export type Sending = {
  key: string;
  file: File;
  /** The photo as this browser shows it: an address of this page alone. */
  url: string;
  fraction: number;
  state: "waiting" | "sending" | "sent" | "failed";
  sceneId: string | null;
  error: unknown;
};

const AT_ONCE = 2;
let sendings: Sending[] = [];
const stops = new Map<string, AbortController>();
const listeners = new Set<() => void>();

export const useSendings = (): Sending[] => useSyncExternalStore(listen, () => sendings);

/** Return the local picture of a scene that was sent from here, sooner than the store can show it. */
export const localPicture = (sceneId: string): string | undefined =>
  sendings.find((each) => each.sceneId === sceneId)?.url;

/** Begin to send these files; what is no picture is told as such without a round trip. */
export function add(files: Iterable<File>): void {
  const fresh = [...files].map<Sending>((file) => ({
    key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`,
    file,
    url: URL.createObjectURL(file),
    fraction: 0,
    state: "waiting",
    sceneId: null,
    error: null,
  }));
  set([...fresh, ...sendings]);
  work();
}

export function again(key: string): void {
  change(key, { state: "waiting", error: null, fraction: 0 });
  work();
}

/** Forget a photo; stops it where it is still going out. */
export function dismiss(key: string): void {
  stops.get(key)?.abort();
  set(sendings.filter((each) => each.key !== key));
}

/** Forget all of them: somebody signed out. */
export function clear(): void {
  for (const { key } of sendings) stops.get(key)?.abort();
  set([]);
}

function work(): void {
  const busy = sendings.filter(({ state }) => state === "sending").length;
  const waiting = sendings.filter(({ state }) => state === "waiting").slice(0, AT_ONCE - busy);
  for (const next of waiting) void send(next);
}

async function send({ key, file }: Sending): Promise<void> {
  const stop = new AbortController();
  stops.set(key, stop);
  change(key, { state: "sending" });
  try {
    const onProgress = (fraction: number) => change(key, { fraction });
    const sceneId = await sendPhoto({ file, key, onProgress, signal: stop.signal });
    change(key, { state: "sent", fraction: 1, sceneId });
  } catch (error) {
    change(key, { state: "failed", error: asApiError(error) });
  } finally {
    stops.delete(key);
    work();
  }
}

function change(key: string, to: Partial<Sending>): void {
  set(sendings.map((each) => (each.key === key ? { ...each, ...to } : each)));
}

function set(next: Sending[]): void {
  sendings = next;
  for (const listener of listeners) listener();
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
