/**
 * Who is signed in. The access token lives in memory alone; the refresh token, good once, in localStorage, so that
 * a reload and a second tab stay signed in (decision 26). Tabs renew one after the other: two that spent the same
 * token would look like a theft.
 */
import { problemOf } from "./problem";
import type { components } from "./schema";

type SignedIn = components["schemas"]["LoginOut"];

const KEY = "sharpstream.refresh";
const EARLY_MS = 30_000;
/** Renew before the token ends: clocks differ, and an upload takes its time. */

let access: { token: string; until: number } | null = null;
let renewing: Promise<string | null> | null = null;
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
  keep(tokens);
  tell();
}

/** Forget the sign-in here; returns the refresh token that the service should forget too. */
export function end(): string | null {
  const token = localStorage.getItem(KEY);
  access = null;
  localStorage.removeItem(KEY);
  tell();
  return token;
}

/** Return an access token that is still good, renewing where needed; null where nobody is signed in. */
export async function accessToken(): Promise<string | null> {
  if (access && access.until - EARLY_MS > Date.now()) return access.token;
  return renew();
}

/** Get a new access token now, because the service refused the last one. */
export function renew(): Promise<string | null> {
  renewing ??= alone(exchange).finally(() => {
    renewing = null;
  });
  return renewing;
}

async function exchange(): Promise<string | null> {
  const token = localStorage.getItem(KEY);
  if (token === null) return null;
  const answer = await fetch("/api/v1/users/refresh", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ refresh_token: token }),
  });
  if (answer.ok) {
    keep((await answer.json()) as SignedIn);
    return access?.token ?? null;
  }
  if (answer.status === 401 || answer.status === 403) {
    end();
    return null;
  }
  throw problemOf(answer.status, await answer.json().catch(() => null));
}

function keep(tokens: SignedIn): void {
  access = { token: tokens.access_token, until: Date.now() + tokens.expires_in * 1000 };
  localStorage.setItem(KEY, tokens.refresh_token);
}

/** Run `work` in one tab at a time. Browsers give locks to secure origins only; elsewhere tabs may collide. */
async function alone<T>(work: () => Promise<T>): Promise<T> {
  return "locks" in navigator ? await navigator.locks.request("sharpstream.renew", work) : work();
}

function tell(): void {
  for (const listener of listeners) listener();
}

globalThis.addEventListener?.("storage", (event) => {
  if (event.key !== KEY || (event.newValue !== null) === (event.oldValue !== null)) return;
  access = null;
  tell();
});
