import { api, ok, type Schemas } from "./client";

export type Quota = Schemas["QuotaUseOut"];
export type UserDetail = Schemas["UserDetailOut"];
export type OwnQuotas = Schemas["OwnQuotasOut"];

export const quotas = async (): Promise<Quota[]> => (await ok(api.GET("/api/v1/usage/quotas"))).items;

export const quotasOf = async (user_id: string): Promise<Quota[]> =>
  (await ok(api.GET("/api/v1/admin/users/{user_id}/quotas", { params: { path: { user_id } } }))).items;

export const userDetail = (user_id: string): Promise<UserDetail> =>
  ok(api.GET("/api/v1/admin/users/{user_id}", { params: { path: { user_id } } }));

export const setQuotas = (user_id: string, quotas: OwnQuotas): Promise<UserDetail> =>
  ok(api.PATCH("/api/v1/admin/users/{user_id}", { params: { path: { user_id } }, body: { quotas } }));
