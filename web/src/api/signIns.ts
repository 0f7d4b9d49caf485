import { api, done, ok, type Schemas } from "./client";

export type SignIn = Schemas["SessionOut"];

export const signIns = async (): Promise<SignIn[]> => (await ok(api.GET("/api/v1/users/me/sessions"))).items;

export const endSignIn = (session_id: string): Promise<void> =>
  done(api.DELETE("/api/v1/users/me/sessions/{session_id}", { params: { path: { session_id } } }));

export const endOthers = (): Promise<void> => done(api.DELETE("/api/v1/users/me/sessions"));

export const signInsOf = async (user_id: string): Promise<SignIn[]> =>
  (await ok(api.GET("/api/v1/admin/users/{user_id}/sessions", { params: { path: { user_id } } }))).items;

export const endAllOf = (user_id: string): Promise<void> =>
  done(api.DELETE("/api/v1/admin/users/{user_id}/sessions", { params: { path: { user_id } } }));
