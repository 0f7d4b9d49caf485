import { api, done, ok, type Schemas } from "./client";

export type Key = Schemas["ApiKeyOut"];
export type KeyIn = Schemas["ApiKeyIn"];
export type NewKey = Schemas["ApiKeyCreatedOut"];

export const keys = (): Promise<Key[]> => ok(api.GET("/api/v1/api-keys"));
export const makeKey = (body: KeyIn): Promise<NewKey> => ok(api.POST("/api/v1/api-keys", { body }));
export const revokeKey = (key_id: string): Promise<void> =>
  done(api.DELETE("/api/v1/api-keys/{key_id}", { params: { path: { key_id } } }));
