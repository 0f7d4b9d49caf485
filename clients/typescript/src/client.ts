/** One service and one caller. Every failure is a `SharpstreamError`. */
import createClient, { type Client as Api } from "openapi-fetch";

import { download, type DownloadOptions } from "./download.ts";
import { follow, type Following } from "./following.ts";
import { Exports, ok, Scenes, Shares, type Stop, timedOut, type WaitOptions, WAIT_MS, Webhooks } from "./groups.ts";
import { bodyOf, type GenerateOptions, newKey, type Photo, sendPhoto, type SendOptions } from "./photo.ts";
import type { paths } from "./schema.ts";
import { type Options, Transport } from "./transport.ts";
import {
  type Accepted,
  type Event,
  type EventPage,
  type ExportOptions,
  hasEnded,
  type Model,
  type Scene,
} from "./types.ts";

/** The service may hold an answer for 60 s; a shorter one survives proxies that give up earlier. */
const HOLD_S = 30;

export class Sharpstream {
  readonly scenes: Scenes;
  readonly exports: Exports;
  readonly shares: Shares;
  readonly webhooks: Webhooks;
  /** Every operation of the API, typed by its own document, with the same credentials, retries and errors. */
  readonly api: Api<paths>;
  readonly #transport: Transport;

  constructor(options: Options) {
    this.#transport = new Transport(options);
    this.api = createClient<paths>({ baseUrl: this.#transport.url, fetch: this.#transport.fetch });
    const parts = [this.api, this.#transport] as const;
    this.scenes = new Scenes(...parts);
    this.exports = new Exports(...parts);
    this.shares = new Shares(...parts);
    this.webhooks = new Webhooks(...parts);
  }

  /** Send a photo and return at once; retries make no second scene. */
  async generate(photo: Photo, options: SendOptions = {}): Promise<Accepted> {
    return (await (await sendPhoto(this.#transport, photo, options)).json()) as Accepted;
  }

  /** The same for a photo that the service fetches itself, or that was put into its store. */
  generateFrom(source: { url: string } | { uploadId: string }, options: GenerateOptions = {}): Promise<Accepted> {
    const where = "url" in source ? { image_url: source.url } : { upload_id: source.uploadId };
    const header = { "Idempotency-Key": options.idempotencyKey ?? newKey() };
    const body = { ...where, ...bodyOf(options) };
    const stop = options.signal ? { signal: options.signal } : {};
    return ok(this.api.POST("/api/v1/scenes/generate", { params: { header }, body, ...stop })) as Promise<Accepted>;
  }

  /** Return a scene once it has ended, in any status. Throws `timed_out`. */
  async wait(sceneId: string, { timeoutMs = WAIT_MS, signal }: WaitOptions = {}): Promise<Scene> {
    const until = Date.now() + timeoutMs;
    for (let left = timeoutMs; left > 0; left = until - Date.now()) {
      const hold = Math.max(1, Math.min(HOLD_S, Math.floor(left / 1000)));
      const header = { Prefer: `wait=${hold}` };
      const params = { path: { generation_id: sceneId }, header };
      const found = await ok(this.api.GET("/api/v1/scenes/{generation_id}", { params, ...(signal && { signal }) }));
      if (hasEnded(found)) return found;
    }
    throw timedOut(sceneId, timeoutMs);
  }

  /** Yield a scene's events from its first to its last, each once; reconnects after each lost connection. */
  follow(sceneId: string, options: Following = {}): AsyncGenerator<Event, void, undefined> {
    return follow(this.#transport, `/api/v1/scenes/${encodeURIComponent(sceneId)}/events`, true, options);
  }

  /** The same for an export. */
  followExport(exportId: string, options: Following = {}): AsyncGenerator<Event, void, undefined> {
    return follow(this.#transport, `/api/v1/exports/${encodeURIComponent(exportId)}/events`, true, options);
  }

  /** Yield all events of the account without end, from now on or after a cursor (`0`: all of them). */
  stream({ types, ...options }: Following & { types?: string[] } = {}): AsyncGenerator<Event, void, undefined> {
    const query = types?.length ? `?types=${encodeURIComponent(types.join(","))}` : "";
    return follow(this.#transport, `/api/v1/events${query}`, false, options);
  }

  /** One page of the account's events, oldest first; send `next_cursor` as `after` to go on, now or later. */
  events({ types, signal, ...query }: Stop & { after?: string; types?: string[]; limit?: number } = {}) {
    const params = { query: { ...query, ...(types?.length && { types: types.join(",") }) } };
    return ok(this.api.GET("/api/v1/events", { params, ...(signal && { signal }) })) as Promise<EventPage>;
  }

  /** Return a scene in another format as bytes: have it made, wait for it, fetch it. */
  async export(
    sceneId: string,
    format: string,
    options: ExportOptions = {},
    more: WaitOptions & Omit<DownloadOptions, "signal"> = {},
  ): Promise<Uint8Array> {
    const made = await this.exports.make(sceneId, format, options, more);
    return this.download(made.export_file_url, { ...more } as DownloadOptions);
  }

  /** Return the bytes behind one of the addresses that scenes, exports and shares have. */
  download(url: string, options: DownloadOptions = {}): Promise<Uint8Array> {
    return download(this.#transport, url, options);
  }

  /** The models of the service, and which one runs. */
  models(): Promise<Model[]> {
    return ok(this.api.GET("/api/v1/models"));
  }
}
