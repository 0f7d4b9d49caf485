/**
 * Who is signed in. The access token lives in memory alone; the refresh token, good once, in localStorage, so that
 * a reload and a second tab stay signed in (decision 26). Tabs renew one after the other by a Web Lock, which only
 * secure origins have; elsewhere two tabs may spend the same token, and the one that lost takes the winner's.
 */
import { type components, errorOf } from "@sharpstream/client";

import { asApiError, unreachable } from "./problem";

type SignedIn = components["schemas"]["LoginOut"];

const KEY = "sharpstream.refresh";
/** Renew before the token ends: clocks differ, and an upload takes its time. */
const EARLY_MS = 30_000;
/** After a refusal: how long the answer to another tab that spent the same token may still be on its way. */
const WINNER_MS = 1_500;
const MOST_TRIES = 3;

let access: { token: string; until: number } | null = null;
let renewing: Promise<string | null> | null = null;
let goodbye: string | null = null;
const listeners = new Set<() => void>();

/** Tell whether somebody is signed in, as far as this browser knows. */
export function signedIn(): boolean {
  return localStorage.getItem(KEY) !== null;
}

/** Call `listener` whenever somebody signs in or out, in this tab or another; returns how to stop. */
export function onSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Keep the tokens of a sign-in. */
export function begin(tokens: SignedIn): void {
  goodbye = null;
  keep(tokens);
  tell();
}

/** Forget the sign-in here; returns the refresh token that the service should forget too. `words`: said to who left. */
export function end(words: string | null = null): string | null {
  const token = localStorage.getItem(KEY);
  goodbye = words;
  access = null;
  localStorage.removeItem(KEY);
  tell();
  return token;
}

/** Return what to say to somebody who has just left on purpose; null after a sign-in that ended by itself. */
export const farewell = (): string | null => goodbye;

/** Return an access token that is still good, renewing where needed; null where nobody is signed in. */
export async function accessToken(): Promise<string | null> {
  if (access && access.until - EARLY_MS > Date.now()) return access.token;
  return renew();
}

/** Get a new access token now, because the service refused the last one. */
export function renew(): Promise<string | null> {
  renewing ??= alone(() => exchange(MOST_TRIES)).finally(() => {
    renewing = null;
  });
  return renewing;
}

/** Spend the stored token. A refusal ends the sign-in only while what is stored is still the token that was sent. */
async function exchange(tries: number): Promise<string | null> {
  const token = localStorage.getItem(KEY);
  if (token === null) return null;
  const answer = await fetch("/api/v1/users/refresh", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ refresh_token: token }),
  }).catch((error: unknown) => {
    throw error instanceof TypeError ? unreachable() : error;
  });
  if (answer.ok) {
    const tokens = (await answer.json()) as SignedIn;
    const stored = localStorage.getItem(KEY);
    if (stored === null) return null; // signed out meanwhile, here or in another tab: what was given is not kept
    if (stored !== token && stored !== tokens.refresh_token) return access?.token ?? exchange(tries - 1);
    keep(tokens);
    return tokens.access_token;
  }
  if (answer.status !== 401 && answer.status !== 403)
    throw asApiError(errorOf(answer.status, answer.headers, await answer.json().catch(() => null)));
  if (tries > 1 && (await replaced(token))) return exchange(tries - 1);
  end();
  return null;
}

/** Wait until another tab has stored another token; false where none came. */
async function replaced(token: string): Promise<boolean> {
  const until = Date.now() + WINNER_MS;
  for (;;) {
    const now = localStorage.getItem(KEY);
    if (now !== token) return now !== null;
    if (hasLocks() || Date.now() >= until) return false; // with locks no other tab is renewing
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function keep(tokens: SignedIn): void {
  access = { token: tokens.access_token, until: Date.now() + tokens.expires_in * 1000 };
  localStorage.setItem(KEY, tokens.refresh_token);
}

const hasLocks = (): boolean => "locks" in navigator;

/** Run `work` in one tab at a time, where the browser gives locks. */
async function alone<T>(work: () => Promise<T>): Promise<T> {
  return hasLocks() ? await navigator.locks.request("sharpstream.renew", work) : work();
}

function tell(): void {
  for (const listener of listeners) listener();
}

globalThis.addEventListener?.("storage", (event) => {
  if (event.key !== KEY || (event.newValue !== null) === (event.oldValue !== null)) return;
  access = null;
  tell();
});
