import { api, done, ok, type Schemas } from "./client";

export type Album = Schemas["AlbumOut"];
export type NewAlbum = Schemas["AlbumCreatedOut"];
export type SharedAlbum = Schemas["SharedAlbumOut"];

export const albums = async (): Promise<Album[]> => (await ok(api.GET("/api/v1/albums"))).items;

export const makeAlbum = (body: Schemas["AlbumIn"]): Promise<NewAlbum> => ok(api.POST("/api/v1/albums", { body }));

export const endAlbum = (album_id: string): Promise<void> =>
  done(api.DELETE("/api/v1/albums/{album_id}", { params: { path: { album_id } } }));

/** What a link shows to anybody: no credentials are sent along. Only the first look of a viewer is counted. */
export const sharedAlbum = (token: string, again: boolean): Promise<SharedAlbum> =>
  ok(api.GET("/api/v1/shared-albums/{token}", { params: { path: { token }, query: { again } } }));

export const albumScene = (token: string, position: number): Promise<Schemas["SharedOut"]> =>
  ok(api.GET("/api/v1/shared-albums/{token}/scenes/{position}", { params: { path: { token, position } } }));
