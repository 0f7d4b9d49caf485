/** Live streams: each event once, over as many connections as are needed. */
import { SharpstreamError, unanswered } from "./errors.ts";
import { asked, Backoff, LONGEST_PAUSE_MS, sleep } from "./retries.ts";
import { SseParser } from "./sse.ts";
import { type Attempt, NO_COOKIES, type Transport } from "./transport.ts";
import { endsJob, type Event } from "./types.ts";

export type Following = {
  /** Go on after this cursor; `0` is the oldest event of the account. */
  after?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Called whenever a connection is open, with the first and after each break. */
  onOpen?: (() => void) | undefined;
  /** Called with each position after which the stream could be resumed: keep it to go on after a restart. */
  onCursor?: ((cursor: string) => void) | undefined;
  /** Called when a connection is lost; the error is null where the service closed it in good order. */
  onLost?: ((error: SharpstreamError | null) => void) | undefined;
};

const CONNECT_MS = 30_000;
/** A stream sends a sign of life every 15 s: after three missed ones the connection counts as dead. */
const SILENT_MS = 45_000;

/** Yield the events of a stream. `ends`: it stops with the last event of its scene or export. */
export async function* follow(
  transport: Transport,
  path: string,
  ends: boolean,
  { after, signal, onOpen, onCursor, onLost }: Following,
): AsyncGenerator<Event, void, undefined> {
  let last = after ?? "";
  const backoff = new Backoff();
  for (;;) {
    let lost: SharpstreamError | null = null;
    const connection = new Connection(transport, path, last, signal);
    try {
      await connection.open();
      if (connection.isOver) return;
      onOpen?.();
      for await (const { event, cursor } of connection.received()) {
        backoff.reset(connection.retryMs ?? undefined);
        if (cursor !== null) {
          last = cursor;
          onCursor?.(cursor);
        }
        if (event === null) continue;
        yield event;
        if (ends && endsJob(event)) return;
      }
    } catch (thrown) {
      lost = unanswered(transport.url, thrown, signal);
      if (!lost.mayPass) throw lost;
    } finally {
      connection.close();
    }
    onLost?.(lost);
    // The service names a time of its own for each connection, so that not all clients come back at once.
    await sleep(Math.max(backoff.next(), asked(lost?.retryAfterMs ?? 0)), signal);
  }
}

type Received = { event: Event | null; cursor: string | null };

class Connection {
  /** The service says that nothing will follow. */
  isOver = false;
  retryMs: number | null = null;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #stopped: Promise<never>;
  #answer: Response | null = null;

  constructor(
    private readonly transport: Transport,
    private readonly path: string,
    private readonly last: string,
    signal: AbortSignal | undefined,
  ) {
    this.#signal = AbortSignal.any([this.#stop.signal, ...(signal ? [signal] : [])]);
    this.#stopped = new Promise((_, reject) =>
      this.#signal.addEventListener("abort", () => reject(this.#signal.reason as Error), { once: true }),
    );
    this.#stopped.catch(() => undefined);
  }

  async open(): Promise<void> {
    const headers = { Accept: "text/event-stream", ...(this.last && { "Last-Event-ID": this.last }) };
    const attempt: Attempt = (own, signal) =>
      this.transport.plainFetch(this.transport.url + this.path, {
        headers: own,
        signal: AbortSignal.any([signal, this.#signal]), // beyond the answer's beginning: it is for the body too
        ...NO_COOKIES,
      });
    const path = this.path.replace(/\?.*$/, "");
    this.#answer = await this.transport.once(attempt, { path, headers, signal: this.#signal }, CONNECT_MS);
    this.isOver = this.#answer.status === 204 || this.#answer.body === null;
  }

  async *received(): AsyncGenerator<Received> {
    const ready: Received[] = [];
    const parser = new SseParser({
      frame: ({ id, named, data }) =>
        ready.push({ event: data === "" ? null : eventOf(data), cursor: named && id !== "" ? id : null }),
      retry: (ms) => {
        this.retryMs = Math.min(ms, LONGEST_PAUSE_MS);
      },
    });
    const decoder = new TextDecoder();
    const reader = (this.#answer?.body as ReadableStream<Uint8Array>).getReader();
    for (;;) {
      const { done, value } = await this.#read(reader);
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* ready.splice(0);
    }
  }

  close(): void {
    this.#stop.abort();
  }

  /** Wait for the next piece; silence ends the connection. */
  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<ReadableStreamReadResult<Uint8Array>> {
    const silence = setTimeout(
      () => this.#stop.abort(new DOMException("The stream has fallen silent.", "TimeoutError")),
      SILENT_MS,
    );
    try {
      return await Promise.race([reader.read(), this.#stopped]); // not every runtime ends the body with its request
    } finally {
      clearTimeout(silence);
    }
  }
}

function eventOf(data: string): Event {
  try {
    const body: unknown = JSON.parse(data);
    if (isEvent(body)) return body;
  } catch {
    // said below
  }
  throw new SharpstreamError("unexpected_answer", "The stream has something that is no event. Check the URL.");
}

/** Whether a parsed body is a CloudEvent of the service. */
export function isEvent(body: unknown): body is Event {
  if (typeof body !== "object" || body === null) return false;
  const { id, type, subject } = body as Record<string, unknown>;
  return typeof id === "string" && typeof type === "string" && typeof subject === "string";
}
