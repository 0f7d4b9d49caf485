/** Sends requests to the service: credentials, time limits, retries, and every failure as `SharpstreamError`. */
import { errorOf, unanswered } from "./errors.ts";
import { Attempts, type Retries, sleep } from "./retries.ts";

export type Options = {
  /** The address of the service, such as `https://splats.example.com`. */
  url: string;
  /** An API key. Keep it out of pages: whoever has it acts for your account. */
  apiKey?: string | undefined;
  /**
   * In place of a key, how to get an access token. Called before each request; after a 401 again with the token that
   * was refused, to renew it. Null: the request goes out without one.
   */
  token?: (refused: string | null) => string | null | Promise<string | null>;
  retries?: Retries;
  /** How long one attempt may take until its answer begins, 75 s; a photo that is sent has 15 minutes. */
  timeoutMs?: number;
  /** In place of the runtime's own `fetch`. */
  fetch?: typeof globalThis.fetch;
};

/** A page's cookies are nothing to the service; runtimes without pages may not know the word. */
export const NO_COOKIES: RequestInit = "location" in globalThis ? { credentials: "omit" } : {};

/** One attempt, with the headers and the signal that it is given. */
export type Attempt = (headers: Headers, signal: AbortSignal) => Promise<Response>;
export type Call = { path: string; headers?: HeadersInit; signal?: AbortSignal | null | undefined };

const API = "/api/v1";
/** These need no credentials, and get none. */
const PUBLIC = ["/users/register", "/users/login", "/users/refresh", "/users/logout", "/users/password-reset"]
  .concat(["/users/sign-in-options", "/users/email"])
  .concat(["/shared/", "/shared-albums/", "/models", "/export-formats"])
  .map((path) => API + path);
const REPEATABLE = ["GET", "HEAD", "OPTIONS", "PUT"];
/** The service may hold an answer for 60 s where a request asks for it. */
const TIMEOUT_MS = 75_000;

export class Transport {
  readonly url: string;
  readonly #options: Options;

  constructor(options: Options) {
    this.url = options.url.replace(/\/+$/, "").replace(/\/api\/v1$/, "");
    this.#options = options;
  }

  /** A `fetch` that repeats what the HTTP method or an `Idempotency-Key` makes safe to repeat. */
  readonly fetch = (request: Request): Promise<Response> =>
    this.#request(request, REPEATABLE.includes(request.method) || request.headers.has("Idempotency-Key"));

  /** A `fetch` for operations whose repeat does no harm although their method does not say so. */
  readonly repeating = (request: Request): Promise<Response> => this.#request(request, true);

  /** Send until it succeeds or a retry would not help; every answer that is returned is a good one. */
  async send(attempt: Attempt, call: Call, repeatable: boolean, timeoutMs?: number): Promise<Response> {
    const attempts = new Attempts(this.#options.retries ?? {}, repeatable);
    for (;;) {
      try {
        return await this.once(attempt, call, timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS);
      } catch (thrown) {
        await sleep(attempts.pause(unanswered(this.url, thrown, call.signal)), call.signal);
      }
    }
  }

  /** Make one attempt; a second one only where its access token was refused and a new one can be had. */
  async once(attempt: Attempt, call: Call, timeoutMs: number): Promise<Response> {
    const headers = new Headers(call.headers);
    const token = await this.#authorize(headers, call.path, null);
    let answer = await this.#answered(attempt, headers, call, timeoutMs);
    if (answer.status === 401 && token !== null) {
      const newer = await this.#authorize(headers, call.path, token);
      if (newer !== null && newer !== token) answer = await this.#answered(attempt, headers, call, timeoutMs);
    }
    if (answer.ok) return answer;
    throw errorOf(answer.status, answer.headers, await bodyOf(answer));
  }

  /** The runtime's `fetch`, or the one that was given. */
  readonly plainFetch = (input: Request | string, init?: RequestInit): Promise<Response> =>
    (this.#options.fetch ?? globalThis.fetch)(input, init);

  #request(request: Request, repeatable: boolean): Promise<Response> {
    const { pathname } = new URL(request.url);
    const base = this.url ? new URL(this.url).pathname.replace(/\/$/, "") : "";
    const call = { path: pathname.slice(base.length), headers: request.headers, signal: request.signal };
    const attempt: Attempt = async (headers, signal) =>
      whole(await this.plainFetch(new Request(request.clone(), { headers, signal, ...NO_COOKIES })));
    return this.send(attempt, call, repeatable);
  }

  async #answered(attempt: Attempt, headers: Headers, { signal }: Call, timeoutMs: number): Promise<Response> {
    const given = signal ? [signal] : [];
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new DOMException("The answer took too long.", "TimeoutError")),
      timeoutMs,
    );
    try {
      return await attempt(headers, AbortSignal.any([...given, late.signal]));
    } catch (thrown) {
      const cause: unknown = late.signal.aborted && !signal?.aborted ? late.signal.reason : thrown;
      throw unanswered(this.url, cause, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Add the credentials; return the access token among them. */
  async #authorize(headers: Headers, path: string, refused: string | null): Promise<string | null> {
    if (!path.startsWith(`${API}/`) || PUBLIC.some((each) => path.startsWith(each))) return null;
    const { apiKey, token } = this.#options;
    if (apiKey !== undefined) headers.set("X-API-Key", apiKey);
    if (apiKey !== undefined || token === undefined) return null;
    const given = await token(refused);
    if (given !== null) headers.set("Authorization", `Bearer ${given}`);
    return given;
  }
}

/** Read the body too: one that breaks off is then a failed attempt as any other. */
async function whole(answer: Response): Promise<Response> {
  const { status, statusText, headers } = answer;
  const body = await answer.arrayBuffer();
  return new Response(body.byteLength ? body : null, { status, statusText, headers });
}

async function bodyOf(answer: Response): Promise<unknown> {
  const text = await answer.text().catch(() => "");
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
