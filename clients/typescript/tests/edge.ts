/** The outermost edge: a `fetch` that gives prepared answers in turn, and keeps what it was asked. */
import { vi } from "vitest";

import { Sharpstream } from "../src/index.ts";

export type Asked = { method: string; url: string; headers: Headers; text: Promise<string> };
type Answer = Response | Error | ((asked: Asked, signal: AbortSignal) => Promise<Response> | Response);

export const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });

export const problem = (status: number, code: string, headers: Record<string, string> = {}): Response =>
  json({ code, message: `It is ${code}.`, correlation_id: "c0", details: { fields: [] } }, status, headers);

/** No answer until the request is stopped. */
export const never = (_: unknown, signal: AbortSignal): Promise<Response> =>
  new Promise((_resolve, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });

export const lost = (): Error => new TypeError("fetch failed");

/** Return a client, and the requests that it made. A pause takes no time; `pauses` has how long each was. */
export function clientWith(answers: Answer[], options: Partial<ConstructorParameters<typeof Sharpstream>[0]> = {}) {
  const asked: Asked[] = [];
  const pauses: number[] = [];
  const answered = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> | Response => {
    const request = new Request(input, init);
    const { method, url, headers } = request;
    const each = { method, url, headers, text: request.text() };
    asked.push(each);
    const answer = answers.shift();
    if (answer === undefined) throw new Error(`nothing is left to answer ${method} ${url}`);
    if (answer instanceof Error) throw answer;
    return answer instanceof Response ? answer : answer(each, request.signal);
  };
  const fetch = async (input: RequestInfo | URL, init?: RequestInit) => answered(input, init);
  const retries = { onPause: (_: Error, ms: number) => pauses.push(ms) };
  const client = new Sharpstream({ url: "http://gateway.test/", apiKey: "ss_key", fetch, retries, ...options });
  return { client, asked, pauses };
}

/** Let time pass as fast as it can until `work` is done. */
export async function hurried<T>(work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  done.catch(() => undefined); // it is awaited below
  while (!isDone) {
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve)); // what is no timer
    if (!isDone) await vi.advanceTimersToNextTimerAsync();
  }
  return done;
}
