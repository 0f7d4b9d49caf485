/**
 * The account's live stream: one connection for all tabs of this browser, whatever is on screen. EventSource cannot send credentials in
 * a header, so the stream is read with fetch; after a break it goes on behind the last event that had an id.
 */
import { createParser } from "eventsource-parser";

import { lead, pause } from "./leader";
import { accessToken, onSession, renew, signedIn } from "./session";

/** A CloudEvent as the gateway sends it. Progress has no cursor: it is not kept. */
export type LiveEvent = {
  id: string;
  type: string;
  subject: string;
  time: string;
  cursor?: string;
  data: Record<string, unknown>;
};
export type Listener = {
  event: (event: LiveEvent) => void;
  /** The stream begins, or goes on after a break: what was read before may be old. */
  open: () => void;
};

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

type Passed = { kind: "event"; event: LiveEvent; last: string } | { kind: "open" };

/** Follow the stream until the returned function is called. One tab reads it and passes everything on. */
export function follow(listener: Listener): () => void {
  const stop = new AbortController();
  const place = { last: "", wait: FIRST_WAIT_MS };
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

async function keepFollowing(
  listener: Listener,
  place: { last: string; wait: number },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    if (!signedIn()) {
      place.last = ""; // the next account has a log of its own
      await signIn(signal);
      continue;
    }
    const left = new AbortController();
    const unsubscribe = onSession(() => signedIn() || left.abort()); // else it would go on for who has left
    // A break is no error: it is taken up again.
    await connection(listener, place, AbortSignal.any([signal, left.signal])).catch(() => undefined);
    unsubscribe();
    if (!signal.aborted && signedIn()) await pause(place.wait, signal);
    place.wait = Math.min(place.wait * 2, LONGEST_WAIT_MS);
  }
}

async function connection(
  listener: Listener,
  place: { last: string; wait: number },
  signal: AbortSignal,
): Promise<void> {
  const answer = await open(place.last, signal);
  if (answer.status === 410 || answer.status === 400) place.last = ""; // that place is gone: begin with now
  if (!answer.ok || !answer.body) return;
  const parser = createParser({
    onEvent: ({ id, data }) => {
      if (id) place.last = id;
      listener.event(JSON.parse(data) as LiveEvent);
    },
    onRetry: (ms) => {
      place.wait = ms;
    },
  });
  listener.open();
  const text = answer.body.pipeThrough(new TextDecoderStream());
  for await (const chunk of chunks(text)) parser.feed(chunk);
}

async function open(last: string, signal: AbortSignal): Promise<Response> {
  const ask = (token: string | null) =>
    fetch("/api/v1/events", {
      headers: {
        Accept: "text/event-stream",
        ...(token && { Authorization: `Bearer ${token}` }),
        ...(last && { "Last-Event-ID": last }),
      },
      signal,
    });
  const answer = await ask(await accessToken());
  return answer.status === 401 ? ask(await renew()) : answer;
}

async function* chunks(stream: ReadableStream<string>): AsyncGenerator<string> {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function signIn(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = onSession(() => (stop(), resolve()));
    signal.addEventListener("abort", () => (stop(), resolve()), { once: true });
  });
}
