/** Decides whether a failed request is sent again, and after how long. */
import { SharpstreamError } from "./errors.ts";

export const FIRST_PAUSE_MS = 250;
export const LONGEST_PAUSE_MS = 5_000;

export type Retries = {
  /** Retries after failures, 4; those that the service asks to wait for do not count. */
  most?: number;
  /** Limit of the waits that the service asks for, in total, for one call: two minutes. */
  maxWaitMs?: number;
  /** Called before each pause. */
  onPause?: (error: SharpstreamError, pauseMs: number) => void;
};

/** Growing pauses, half of each of them random: clients that lost the same server do not all come back at once. */
export class Backoff {
  #bound: number;

  constructor(
    private readonly first = FIRST_PAUSE_MS,
    private readonly longest = LONGEST_PAUSE_MS,
    private readonly factor = 2,
  ) {
    this.#bound = first;
  }

  next(): number {
    const bound = this.#bound;
    this.#bound = Math.min(bound * this.factor, this.longest);
    return bound * (1 - 0.5 * Math.random());
  }

  reset(first = this.first): void {
    this.#bound = first;
  }
}

/** The attempts of one request. */
export class Attempts {
  readonly #backoff = new Backoff();
  #left: number;
  #waitMs: number;

  /** `repeatable`: sending it twice does what sending it once does. */
  constructor(
    private readonly rules: Retries,
    private readonly repeatable: boolean,
  ) {
    this.#left = rules.most ?? 4;
    this.#waitMs = rules.maxWaitMs ?? 120_000;
  }

  /** Return the pause before the next attempt in milliseconds, or throw `error` where there is none. */
  pause(error: SharpstreamError): number {
    if (!this.#mayRepeat(error)) throw error;
    let pause: number;
    if (error.retryAfterMs !== null) {
      this.#waitMs -= error.retryAfterMs;
      if (this.#waitMs < 0) throw error;
      pause = asked(error.retryAfterMs);
    } else {
      if (this.#left <= 0) throw error;
      this.#left -= 1;
      pause = this.#backoff.next();
    }
    this.rules.onPause?.(error, pause);
    return pause;
  }

  #mayRepeat(error: SharpstreamError): boolean {
    if (error.code === "aborted") return false;
    if (error.neverSent || [429, 503].includes(error.status)) return true; // nothing was accepted
    const unknown = ["unreachable", "idempotency_in_progress"].includes(error.code);
    return this.repeatable && (unknown || [500, 502, 504].includes(error.status));
  }
}

/** Return the wait that the service asked for, up to a tenth longer, so that clients spread out. */
export const asked = (ms: number): number => ms * (1 + 0.1 * Math.random());

/** Wait; throws `aborted` as soon as the signal says so. */
export function sleep(ms: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new SharpstreamError("aborted", "The request was stopped."));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
