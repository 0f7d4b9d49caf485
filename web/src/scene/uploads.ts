/** Photos on their way to the service, wherever in the page they were dropped; two at a time. */
import { useSyncExternalStore } from "react";

import { ApiError, asApiError } from "../api/problem";
import { sendPhoto } from "../api/upload";
import { thumbnail, type Thumbnail } from "../lib/thumbnail";
import type { Batch } from "./progress";
import { dropAllQueued, dropQueued, keepQueued, queuedBefore } from "./queue";

export type Sending = {
  key: string;
  file: File;
  /** A small picture of the photo, an address of this page alone; null until made and where the browser has none. */
  picture: Thumbnail | null;
  fraction: number;
  /** `held`: it did not get through, and is sent again by itself. */
  state: "waiting" | "sending" | "held" | "sent" | "failed";
  sceneId: string | null;
  sentAt: number;
  error: ApiError | null;
  tries: number;
};

const AT_ONCE = 2;
/** The service takes no larger photo (`bus/contract/limits.py`). */
export const MOST_BYTES = 50 * 1024 * 1024;
const REMEMBERED = 200;
const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 30_000;

let sendings: Sending[] = [];
let batch: Batch = { since: 0, forgotten: 0, forgottenBytes: 0 };
/** Done when every photo that was added outlives the page. */
let kept: Promise<unknown> = Promise.resolve();
const stops = new Map<string, AbortController>();
const listeners = new Set<() => void>();

export const useSendings = (): Sending[] => useSyncExternalStore(listen, () => sendings);
export const currentBatch = (): Batch => batch;
export const isOpen = ({ state }: Sending): boolean => state === "waiting" || state === "sending" || state === "held";

/** Return what was sent from here as this scene: its picture is here sooner than the store can show it. */
export const sentAs = (sceneId: string): Sending | undefined => sendings.find((each) => each.sceneId === sceneId);

/** Begin to send these files; what can never be a photo is said without a round trip. */
export function add(files: Iterable<File>): void {
  const fresh = [...files].map((file) => sendingOf(file));
  kept = Promise.all([kept, keepQueued(fresh.filter(isOpen))]);
  join(fresh);
}

/** Go on with what this tab had to send before it was reloaded. The keys are the same: none is made twice. */
export async function resume(): Promise<void> {
  const known = new Set(sendings.map(({ key }) => key));
  const before = (await queuedBefore()).filter(({ key }) => !known.has(key));
  join(before.map(({ file, key }) => sendingOf(file, key)));
}

/** Send one that is held without waiting any longer. */
export function sendNow(key: string): void {
  release((each) => each.key === key);
}

/** Forget a photo; stops it where it is still going out. */
export function dismiss(key: string): void {
  drop((each) => each.key === key);
}

/** Stop everything that has not gone out yet. */
export function stopAll(): void {
  drop(isOpen);
}

export function dismissFailed(): void {
  drop(({ state }) => state === "failed");
}

/** Forget what was sent as these scenes: they are deleted, or the store shows them. */
export function forgetSent(sceneIds: Set<string>): void {
  const gone = sendings.filter(({ sceneId }) => sceneId !== null && sceneIds.has(sceneId));
  if (!gone.length) return;
  const counted = gone.filter(({ sentAt }) => sentAt >= batch.since);
  batch = {
    ...batch,
    forgotten: batch.forgotten + counted.length,
    forgottenBytes: batch.forgottenBytes + counted.reduce((sum, { file }) => sum + file.size, 0),
  };
  drop((each) => gone.includes(each));
}

/** Forget all of them: somebody signed out. */
export function clear(): void {
  drop(() => true);
  void dropAllQueued();
}

function sendingOf(file: File, key: string = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`): Sending {
  const error = unfit(file);
  const state = error ? "failed" : "waiting";
  return { key, file, picture: null, fraction: 0, state, sceneId: null, sentAt: 0, error, tries: 0 };
}

function unfit({ size }: File): ApiError | null {
  if (size === 0) return new ApiError("empty", "The file is empty.", { status: 400 });
  if (size <= MOST_BYTES) return null;
  return new ApiError("image_too_large", "The photo has more than 50 MB; send a smaller copy.", { status: 413 });
}

function join(fresh: Sending[]): void {
  if (!sendings.some(isOpen)) batch = { since: Date.now(), forgotten: 0, forgottenBytes: 0 };
  set([...fresh, ...sendings]);
  work();
}

function drop(which: (sending: Sending) => boolean): void {
  const gone = sendings.filter(which);
  if (!gone.length) return;
  set(sendings.filter((each) => !gone.includes(each)));
  for (const { key, picture } of gone) {
    stops.get(key)?.abort();
    void dropQueued(key);
    if (picture) URL.revokeObjectURL(picture.url);
  }
  work();
}

function work(): void {
  const busy = sendings.filter(({ state }) => state === "sending").length;
  // The newest stand first in the list; they go out in the order in which they came.
  const waiting = sendings.filter(({ state }) => state === "waiting").reverse();
  for (const next of waiting.slice(0, Math.max(0, AT_ONCE - busy))) void send(next);
}

async function send({ key, file, picture, tries }: Sending): Promise<void> {
  const stop = new AbortController();
  stops.set(key, stop);
  change(key, { state: "sending" });
  if (!picture) void thumbnail(file).then((made) => show(key, made));
  try {
    const onProgress = (fraction: number) => change(key, { fraction });
    const sceneId = await sendPhoto({ file, key, onProgress, signal: stop.signal });
    void dropQueued(key);
    change(key, { state: "sent", fraction: 1, sceneId, sentAt: Date.now() });
    const old = sendings.filter(({ state }) => state === "sent").slice(REMEMBERED);
    drop((each) => old.includes(each));
  } catch (thrown) {
    const error = asApiError(thrown);
    if (error.mayPass) {
      await kept; // that it is sent again by itself is said when it is true, even after a reload
      hold(key, error, tries);
    } else {
      void dropQueued(key);
      change(key, { state: "failed", error });
    }
  } finally {
    stops.delete(key);
    work();
  }
}

/** Send it again after a while, or as soon as the browser is online. */
function hold(key: string, error: ApiError, tries: number): void {
  change(key, { state: "held", error, fraction: 0, tries: tries + 1 });
  setTimeout(() => release((each) => each.key === key), Math.min(FIRST_WAIT_MS * 2 ** tries, LONGEST_WAIT_MS));
}

function release(which: (sending: Sending) => boolean): void {
  for (const each of sendings.filter(({ state }) => state === "held").filter(which))
    change(each.key, { state: "waiting" });
  work();
}

function show(key: string, picture: Thumbnail | null): void {
  if (picture && !sendings.some((each) => each.key === key)) URL.revokeObjectURL(picture.url);
  else if (picture) change(key, { picture });
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

globalThis.addEventListener?.("online", () => release(() => true));
globalThis.addEventListener?.("beforeunload", (event) => {
  if (sendings.some(isOpen)) event.preventDefault(); // the browser asks whether to leave
});
