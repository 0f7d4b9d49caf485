import { api, done, ok, type Schemas } from "./client";

export type User = Schemas["UserOut"];
export type UserPage = Schemas["UserPage"];
export type UserChange = Schemas["UserIn"];
export type DeadLetter = Schemas["DeadLetterItem"];
export type DeadLetterPage = Schemas["DeadLetterPage"];
export type Invariants = Schemas["InvariantsOut"];

export function users(q: string, cursor: string | null): Promise<UserPage> {
  const query = { limit: 50, ...(q && { q }), ...(cursor && { cursor }) };
  return ok(api.GET("/api/v1/admin/users", { params: { query } }));
}

export const changeUser = (user_id: string, body: UserChange): Promise<User> =>
  ok(api.PATCH("/api/v1/admin/users/{user_id}", { params: { path: { user_id } }, body }));

export function deadLetters(cursor: string | null): Promise<DeadLetterPage> {
  const query = { limit: 50, ...(cursor && { cursor }) };
  return ok(api.GET("/api/v1/admin/dead-letters", { params: { query } }));
}

export const redrive = (letter_id: string): Promise<unknown> =>
  ok(api.POST("/api/v1/admin/dead-letters/{letter_id}/redrive", { params: { path: { letter_id } } }));

export const discard = (letter_id: string): Promise<void> =>
  done(api.POST("/api/v1/admin/dead-letters/{letter_id}/discard", { params: { path: { letter_id } } }));

export const invariants = (): Promise<Invariants> => ok(api.GET("/api/v1/health/invariants"));
