import type { operations } from "@sharpstream/client";

import { minute } from "../lib/words";
import { api, done, ok, type Schemas } from "./client";

export type Scene = Schemas["SceneOut"];
export type SceneItem = Schemas["SceneItem"];
export type ScenePage = Schemas["ScenePage"];
export type Timings = Schemas["TimingsOut"];

export const scene = (generation_id: string): Promise<Scene> =>
  ok(api.GET("/api/v1/scenes/{generation_id}", { params: { path: { generation_id } } }));

/** A scene that somebody looks at: its picture and its file for the viewer are made if it has none. */
export const openedScene = (generation_id: string): Promise<Scene> =>
  ok(api.GET("/api/v1/scenes/{generation_id}", { params: { path: { generation_id }, query: { views: true } } }));

export type Listing = Omit<NonNullable<operations["list_scenes"]["parameters"]["query"]>, "cursor" | "limit">;
/** What is to be different about a list; undefined takes a filter away. */
export type ListingChange = { [name in keyof Listing]?: Listing[name] | undefined };

export const scenes = (listing: Listing, cursor: string | null): Promise<ScenePage> =>
  ok(api.GET("/api/v1/scenes", { params: { query: { limit: 24, ...listing, ...(cursor && { cursor }) } } }));

export const tags = async (): Promise<Schemas["TagOut"][]> => (await ok(api.GET("/api/v1/scenes/tags"))).items;

export const changeScene = (generation_id: string, body: Schemas["SceneChangeIn"]): Promise<Scene> =>
  ok(api.PATCH("/api/v1/scenes/{generation_id}", { params: { path: { generation_id } }, body }));

/** Process the photo again; returns the new scene's id. */
export const retryScene = async (generation_id: string, body: Schemas["RetryIn"]): Promise<string> =>
  (await ok(api.POST("/api/v1/scenes/{generation_id}/retry", { params: { path: { generation_id } }, body })))
    .generation_id;

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
  const bare = name?.replace(/\.(jpe?g|png|webp|hei[cf]|avif|tiff?|gif|mpo)$/i, "").trim();
  return bare || `Photo of ${minute(created_at)}`;
}

export const ended = (status: string): boolean => ["completed", "failed", "cancelled"].includes(status);
