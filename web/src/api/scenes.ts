import { api, done, ok, type Schemas } from "./client";

/** What the gateway adds once the viewer's file and the preview are made; null until then. */
type Made = { name?: string | null; preview_url?: string | null; viewer_url?: string | null };
export type Scene = Schemas["SceneOut"] & Made;
export type SceneItem = Schemas["SceneItem"] & Made;
export type ScenePage = { items: SceneItem[]; next_cursor: string | null };
export type Timings = Schemas["TimingsOut"];
export type Share = { id: string; scene_generation_id: string; created_at: string; expires_at: string };

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

/** What a scene is called: its file's name, else when it came. */
export function nameOf(scene: SceneItem | Scene): string {
  const kept = (scene.metadata.client as { name?: unknown } | undefined)?.name;
  const name = scene.name ?? (typeof kept === "string" ? kept : null);
  return name ?? `Photo of ${new Date(scene.created_at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}`;
}

export const ended = (status: string): boolean => ["completed", "failed", "cancelled"].includes(status);
