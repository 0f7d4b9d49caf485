/** The operations by subject. Each is one request, and returns what the service answers. */
import type { Client as Api } from "openapi-fetch";

import { SharpstreamError } from "./errors.ts";
import { Backoff, sleep } from "./retries.ts";
import type { paths } from "./schema.ts";
import type { Transport } from "./transport.ts";
import {
  type Delivery,
  type DeliveryPage,
  type Export,
  type ExportAccepted,
  type ExportFormat,
  type ExportOptions,
  type ExportPage,
  hasEnded,
  type NewShare,
  type NewWebhook,
  type Scene,
  type SceneItem,
  type ScenePage,
  type Schemas,
  type Secret,
  type Share,
  type Shared,
  type ShareOptions,
  type Webhook,
  type WebhookChange,
} from "./types.ts";

export type Stop = { signal?: AbortSignal | undefined };
export type WaitOptions = Stop & {
  /** How long to wait at most, ten minutes. */
  timeoutMs?: number | undefined;
};
export type ScenesQuery = NonNullable<paths["/api/v1/scenes"]["get"]["parameters"]["query"]>;
type Page = { cursor?: string; limit?: number };

/** Return the data of a call. Every other failure was thrown before. */
export async function ok<T>(call: Promise<{ data?: T }>): Promise<NonNullable<T>> {
  try {
    return (await call).data as NonNullable<T>;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    const message = "The service does not answer like Sharpstream; check the URL.";
    throw new SharpstreamError("unexpected_answer", message, { cause: thrown });
  }
}

export const WAIT_MS = 600_000;
export const timedOut = (id: string, ms: number): SharpstreamError =>
  new SharpstreamError("timed_out", `${id} was not finished within ${ms / 1000} s. It continues: wait for it again.`);

class Group {
  constructor(
    protected readonly api: Api<paths>,
    protected readonly transport: Transport,
  ) {}

  /** Options of a call whose repeat does no harm although it is a POST or PATCH. */
  protected get again() {
    return { fetch: this.transport.repeating };
  }
}

const scene = (generation_id: string) => ({ params: { path: { generation_id } } });

export class Scenes extends Group {
  /** `views`: have its picture and its file for viewers made if it has none; they are there seconds later. */
  get(id: string, { views = false, signal }: Stop & { views?: boolean } = {}): Promise<Scene> {
    const params = { path: { generation_id: id }, ...(views && { query: { views } }) };
    return ok(this.api.GET("/api/v1/scenes/{generation_id}", { params, ...(signal && { signal }) }));
  }

  /** One page, the newest first. */
  list(query: ScenesQuery = {}): Promise<ScenePage> {
    return ok(this.api.GET("/api/v1/scenes", { params: { query } }));
  }

  /** Every scene, the newest first, read page by page. */
  async *all(query: Omit<ScenesQuery, "cursor"> = {}): AsyncGenerator<SceneItem, void, undefined> {
    let cursor: string | null | undefined;
    do {
      const page: ScenePage = await this.list({ limit: 100, ...query, ...(cursor && { cursor }) });
      yield* page.items;
      cursor = page.next_cursor;
    } while (cursor);
  }

  /** Ask for the cancellation; the scene's status shows what came of it. */
  cancel(id: string): Promise<Schemas["CancelOut"]> {
    return ok(this.api.POST("/api/v1/scenes/{generation_id}/cancel", { ...scene(id), ...this.again }));
  }

  /** Delete a scene that has ended, with its files, exports and shares. */
  async delete(id: string): Promise<void> {
    await this.api.DELETE("/api/v1/scenes/{generation_id}", scene(id));
  }
}

export class Exports extends Group {
  /** Ask for a scene in another format. The same export is made once: asked for again, it is the first one. */
  create(sceneId: string, format: string, options: ExportOptions = {}): Promise<ExportAccepted> {
    const body = { format, options };
    return ok(this.api.POST("/api/v1/scenes/{generation_id}/export", { ...scene(sceneId), body, ...this.again }));
  }

  get(id: string, { signal }: Stop = {}): Promise<Export> {
    const params = { path: { export_id: id } };
    return ok(this.api.GET("/api/v1/exports/{export_id}", { params, ...(signal && { signal }) }));
  }

  list(sceneId: string, query: Page = {}): Promise<ExportPage> {
    const params = { path: { generation_id: sceneId }, query };
    return ok(this.api.GET("/api/v1/scenes/{generation_id}/exports", { params }));
  }

  async formats(): Promise<ExportFormat[]> {
    return (await ok(this.api.GET("/api/v1/export-formats"))).items;
  }

  /** Return an export once it has ended, in any status. Throws `timed_out`. */
  async wait(id: string, { timeoutMs = WAIT_MS, signal }: WaitOptions = {}): Promise<Export> {
    const until = Date.now() + timeoutMs;
    const backoff = new Backoff(250, 5_000, 1.5);
    for (;;) {
      const found = await this.get(id, { signal });
      if (hasEnded(found)) return found;
      const pause = backoff.next();
      if (Date.now() + pause > until) throw timedOut(id, timeoutMs);
      await sleep(pause, signal);
    }
  }

  /** Ask for an export and wait for its file. Throws the service's own code where it failed. */
  async make(sceneId: string, format: string, options: ExportOptions = {}, wait: WaitOptions = {}): Promise<Made> {
    const { export_id } = await this.create(sceneId, format, options);
    const made = await this.wait(export_id, wait);
    if (made.status === "completed" && made.export_file_url !== null) return made as Made;
    throw new SharpstreamError(made.error_code ?? "export_failed", made.error_message ?? "The export failed.");
  }
}

/** An export whose file is there. */
export type Made = Export & { export_file_url: string };

export class Shares extends Group {
  /** Make a link by which anyone may see a scene until it ends. */
  create(sceneId: string, options: ShareOptions = {}): Promise<NewShare> {
    const body = options as Schemas["ShareIn"]; // the document calls fields with a default required
    return ok(this.api.POST("/api/v1/scenes/{generation_id}/shares", { ...scene(sceneId), body }));
  }

  async list(sceneId: string): Promise<Share[]> {
    return (await ok(this.api.GET("/api/v1/scenes/{generation_id}/shares", scene(sceneId)))).items;
  }

  async end(id: string): Promise<void> {
    await this.api.DELETE("/api/v1/shares/{share_id}", { params: { path: { share_id: id } } });
  }

  /** What the holder of a link sees; needs no credentials. */
  open(token: string): Promise<Shared> {
    return ok(this.api.GET("/api/v1/shared/{token}", { params: { path: { token } } }));
  }
}

const hook = (webhook_id: string) => ({ params: { path: { webhook_id } } });

export class Webhooks extends Group {
  /** Add an endpoint. Its `secret` is shown in this answer alone. */
  create(url: string, events: string[], description = ""): Promise<NewWebhook> {
    return ok(this.api.POST("/api/v1/webhooks", { body: { url, events, description } }));
  }

  list(): Promise<Webhook[]> {
    return ok(this.api.GET("/api/v1/webhooks"));
  }

  get(id: string): Promise<Webhook> {
    return ok(this.api.GET("/api/v1/webhooks/{webhook_id}", hook(id)));
  }

  change(id: string, body: WebhookChange): Promise<Webhook> {
    return ok(this.api.PATCH("/api/v1/webhooks/{webhook_id}", { ...hook(id), body, ...this.again }));
  }

  async delete(id: string): Promise<void> {
    await this.api.DELETE("/api/v1/webhooks/{webhook_id}", hook(id));
  }

  /** Make a new secret. Both sign each message for 24 hours, so that receivers can switch. */
  rotateSecret(id: string): Promise<Secret> {
    return ok(this.api.POST("/api/v1/webhooks/{webhook_id}/rotate-secret", hook(id)));
  }

  /** Send an event of the type `webhook.test.v1`; the delivery shows the receiver's answer. */
  test(id: string): Promise<Delivery> {
    return ok(this.api.POST("/api/v1/webhooks/{webhook_id}/test", hook(id)));
  }

  deliveries(id: string, query: Page & { status?: Delivery["status"] } = {}): Promise<DeliveryPage> {
    const params = { path: { webhook_id: id }, query };
    return ok(this.api.GET("/api/v1/webhooks/{webhook_id}/deliveries", { params }));
  }

  /** Send the event of a delivery once more, with the same `webhook-id`. */
  redeliver(deliveryId: string): Promise<Delivery> {
    const params = { path: { delivery_id: deliveryId } };
    return ok(this.api.POST("/api/v1/webhooks/deliveries/{delivery_id}/redeliver", { params }));
  }

  /** Send past events again, since a time or after a cursor, up to 1,000 a call. */
  replay(id: string, from: { since: string } | { after: string }): Promise<Schemas["ReplayOut"]> {
    const params = { path: { webhook_id: id }, query: from };
    return ok(this.api.POST("/api/v1/webhooks/{webhook_id}/replay", { params }));
  }

  /** The secret that signs deliveries to the `webhookUrl` of single requests. */
  accountSecret(): Promise<Secret> {
    return ok(this.api.GET("/api/v1/webhooks/account-secret"));
  }

  rotateAccountSecret(): Promise<Secret> {
    return ok(this.api.POST("/api/v1/webhooks/account-secret/rotate"));
  }
}
