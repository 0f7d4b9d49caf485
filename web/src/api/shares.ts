import { api, done, ok, type Schemas } from "./client";

export type Share = Schemas["ShareOut"];
export type NewShare = Schemas["ShareCreatedOut"];
export type Shared = Schemas["SharedOut"];

const of = (generation_id: string) => ({ params: { path: { generation_id } } });

export const shares = async (scene: string): Promise<Share[]> =>
  (await ok(api.GET("/api/v1/scenes/{generation_id}/shares", of(scene)))).items;

export type ShareOptions = Pick<Schemas["ShareIn"], "expires_in_hours" | "show_photo" | "allow_download">;

export const share = (scene: string, body: ShareOptions): Promise<NewShare> =>
  ok(api.POST("/api/v1/scenes/{generation_id}/shares", { ...of(scene), body }));

export const unshare = (share_id: string): Promise<void> =>
  done(api.DELETE("/api/v1/shares/{share_id}", { params: { path: { share_id } } }));

/** What a link shows to anybody: no credentials are sent along. Only the first look of a viewer is counted. */
export const shared = (token: string, again: boolean): Promise<Shared> =>
  ok(api.GET("/api/v1/shared/{token}", { params: { path: { token }, query: { again } } }));
