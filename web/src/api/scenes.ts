import { minute } from "../lib/words";
import { api, done, ok, type Schemas } from "./client";

export type Scene = Schemas["SceneOut"];
export type SceneItem = Schemas["SceneItem"];
export type ScenePage = Schemas["ScenePage"];
export type Timings = Schemas["TimingsOut"];

export const scene = (generation_id: string): Promise<Scene> =>
  ok(api.GET("/api/v1/scenes/{generation_id}", { params: { path: { generation_id } } }));

export function scenes(q: string, cursor: string | null): Promise<ScenePage> {
  const query = { limit: 24, ...(q && { q }), ...(cursor && { cursor }) };
  return ok(api.GET("/api/v1/scenes", { params: { query } }));
}

export const removeScene = (generation_id: string): Promise<void> =>
  done(api.DELETE("/api/v1/scenes/{generation_id}", { params: { path: { generation_id } } }));

export const cancelScene = (generation_id: string): Promise<void> =>
  done(api.POST("/api/v1/scenes/{generation_id}/cancel", { params: { path: { generation_id } } }));

/** What browsers can show of a photo: its rendition, never the file that was sent. */
export function photoOf(of: { photo_url?: string | null }): string | null {
  return of.photo_url ?? null;
}

/** What a scene is called: its file's name without its ending, else when it came. */
export function nameOf({ name, created_at }: { name: string | null; created_at: string }): string {
  const bare = name?.replace(/\.[a-z0-9]{2,5}$/i, "").trim();
  return bare || `Photo of ${minute(created_at)}`;
}

export const ended = (status: string): boolean => ["completed", "failed", "cancelled"].includes(status);
