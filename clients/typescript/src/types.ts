/** The service's own types, by short names; all of them are in `components["schemas"]`. */
import type { components } from "./schema.ts";

export type Schemas = components["schemas"];

export type Accepted = Schemas["GenerateOut"];
export type Scene = Schemas["SceneOut"];
export type SceneItem = Schemas["SceneItem"];
export type ScenePage = Schemas["ScenePage"];
export type Export = Schemas["ExportOut"];
export type ExportAccepted = Schemas["ExportAcceptedOut"];
export type ExportPage = Schemas["ExportPage"];
export type ExportFormat = Schemas["FormatOut"];
export type ExportOptions = Record<string, string | number | boolean>;
export type Share = Schemas["ShareOut"];
export type NewShare = Schemas["ShareCreatedOut"];
export type ShareOptions = Partial<Schemas["ShareIn"]>;
export type Shared = Schemas["SharedOut"];
export type Webhook = Schemas["WebhookOut"];
export type NewWebhook = Schemas["WebhookCreatedOut"];
export type WebhookChange = Schemas["WebhookPatchIn"];
export type Secret = Schemas["SecretOut"];
export type Delivery = Schemas["DeliveryOut"];
export type DeliveryPage = Schemas["DeliveryPage"];
export type Upload = Schemas["UploadOut"];
export type Model = Schemas["ModelOut"];

/** A CloudEvent, the same in streams, pages and webhooks. Progress has no cursor: it is not kept. */
export type Event = {
  id: string;
  type: string;
  /** The scene or export that it is about. */
  subject: string;
  source: string;
  time: string;
  /** Its position in the account's log, after which a stream is resumed. */
  cursor?: string;
  data: Record<string, unknown>;
};
export type EventPage = { events: Event[]; next_cursor: string };

const ENDINGS = [
  "generation.completed.v1",
  "generation.failed.v1",
  "generation.cancelled.v1",
  "export.completed.v1",
  "export.failed.v1",
];

/** Whether it is the last event of its scene or export. */
export const endsJob = ({ type }: Pick<Event, "type">): boolean => ENDINGS.includes(type);

/** Whether a scene or export has ended, in any way. */
export const hasEnded = ({ status }: { status: string }): boolean =>
  ["completed", "failed", "cancelled"].includes(status);
