/**
 * The account's live stream: one connection for all tabs of this browser, whatever is on screen. The client keeps it
 * open, and after a break goes on behind the last event; here are the tabs, and who is signed in.
 */
import type { Event as LiveEvent } from "@sharpstream/client";

import { client } from "./client";
import { lead, pause } from "./leader";
import { asApiError } from "./problem";
import { onSession, signedIn } from "./session";

export type { LiveEvent };
export type Listener = {
  event: (event: LiveEvent) => void;
  /** The stream begins, or goes on after a break: what was read before may be old. */
  open: () => void;
};

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/** After which event the stream goes on, and how long to wait before that. */
type Position = { last: string; wait: number };
type Passed = { kind: "event"; event: LiveEvent; last: string } | { kind: "open" };

/** Follow the stream until the returned function is called. One tab reads it and passes everything on. */
export function follow(listener: Listener): () => void {
  const stop = new AbortController();
  const place: Position = { last: "", wait: FIRST_WAIT_MS };
  const others = new BroadcastChannel("sharpstream.live");
  others.onmessage = ({ data }: MessageEvent<Passed>) => {
    if (data.kind === "open") return listener.open();
    place.last = data.last; // who leads next goes on from here
    listener.event(data.event);
  };
  const passing: Listener = {
    open: () => {
      others.postMessage({ kind: "open" } satisfies Passed);
      listener.open();
    },
    event: (event) => {
      others.postMessage({ kind: "event", event, last: place.last } satisfies Passed);
      listener.event(event);
    },
  };
  void lead((signal) => keepFollowing(passing, place, signal), stop.signal).finally(() => others.close());
  return () => stop.abort();
}

async function keepFollowing(listener: Listener, place: Position, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (!signedIn()) {
      place.last = ""; // the next account has a log of its own
      await signIn(signal);
      continue;
    }
    const left = new AbortController();
    const unsubscribe = onSession(() => signedIn() || left.abort()); // else it would go on for who has left
    await connection(listener, place, AbortSignal.any([signal, left.signal]));
    unsubscribe();
    if (!signal.aborted && signedIn()) await pause(place.wait, signal);
    place.wait = Math.min(place.wait * 2, LONGEST_WAIT_MS);
  }
}

/** Follow until what the client does not take up again by itself. */
async function connection(listener: Listener, place: Position, signal: AbortSignal): Promise<void> {
  const onOpen = () => {
    place.wait = FIRST_WAIT_MS;
    listener.open();
  };
  const onCursor = (cursor: string) => {
    place.last = cursor;
  };
  try {
    const events = client.stream({ after: place.last, signal, onOpen, onCursor });
    for await (const event of events) listener.event(event);
  } catch (thrown) {
    const { status } = asApiError(thrown);
    if (status === 410 || status === 400) place.last = ""; // that position is gone: begin with now
  }
}

function signIn(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = onSession(() => (stop(), resolve()));
    signal.addEventListener("abort", () => (stop(), resolve()), { once: true });
  });
}
