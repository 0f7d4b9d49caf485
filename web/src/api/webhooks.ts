import { api, done, ok, type Schemas } from "./client";

export type Webhook = Schemas["WebhookOut"];
export type NewWebhook = Schemas["WebhookCreatedOut"];
export type Delivery = Schemas["DeliveryOut"];
export type Deliveries = Schemas["DeliveryPage"];

const at = (webhook_id: string) => ({ params: { path: { webhook_id } } });

export const webhooks = (): Promise<Webhook[]> => ok(api.GET("/api/v1/webhooks"));
export const webhook = (id: string): Promise<Webhook> => ok(api.GET("/api/v1/webhooks/{webhook_id}", at(id)));
export const makeWebhook = (body: Schemas["WebhookIn"]): Promise<NewWebhook> =>
  ok(api.POST("/api/v1/webhooks", { body }));
export const changeWebhook = (id: string, body: Schemas["WebhookPatchIn"]): Promise<Webhook> =>
  ok(api.PATCH("/api/v1/webhooks/{webhook_id}", { ...at(id), body }));
export const removeWebhook = (id: string): Promise<void> => done(api.DELETE("/api/v1/webhooks/{webhook_id}", at(id)));
export const testWebhook = (id: string): Promise<Delivery> =>
  ok(api.POST("/api/v1/webhooks/{webhook_id}/test", at(id)));
export const rotateSecret = (id: string): Promise<Schemas["SecretOut"]> =>
  ok(api.POST("/api/v1/webhooks/{webhook_id}/rotate-secret", at(id)));

export function deliveries(webhook_id: string, cursor: string | null): Promise<Deliveries> {
  const query = { limit: 25, ...(cursor && { cursor }) };
  return ok(api.GET("/api/v1/webhooks/{webhook_id}/deliveries", { params: { path: { webhook_id }, query } }));
}

export const redeliver = (delivery_id: string): Promise<Delivery> =>
  ok(api.POST("/api/v1/webhooks/deliveries/{delivery_id}/redeliver", { params: { path: { delivery_id } } }));
