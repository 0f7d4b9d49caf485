import { api, done, ok, type Schemas } from "./client";

export type Share = Schemas["ShareOut"];
export type NewShare = Schemas["ShareCreatedOut"];
export type Shared = Schemas["SharedOut"];

const of = (generation_id: string) => ({ params: { path: { generation_id } } });

export const shares = async (scene: string): Promise<Share[]> =>
  (await ok(api.GET("/api/v1/scenes/{generation_id}/shares", of(scene)))).items;

export const share = (scene: string, expires_in_hours: number): Promise<NewShare> =>
  ok(api.POST("/api/v1/scenes/{generation_id}/shares", { ...of(scene), body: { expires_in_hours } }));

export const unshare = (share_id: string): Promise<void> =>
  done(api.DELETE("/api/v1/shares/{share_id}", { params: { path: { share_id } } }));

/** What a link shows to anybody: no credentials are sent along. */
export const shared = (token: string): Promise<Shared> =>
  ok(api.GET("/api/v1/shared/{token}", { params: { path: { token } } }));
