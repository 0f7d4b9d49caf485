import { api, ok, type Schemas } from "./client";

export type Retention = Schemas["RetentionOut"];
export type Policy = Schemas["RetentionPolicyOut"];
export type Erasure = Schemas["ErasureOut"];

export const retention = (): Promise<Retention> => ok(api.GET("/api/v1/users/me/retention"));
/** Replace the whole policy: what is older is erased within minutes. */
export const setRetention = (body: Policy): Promise<Retention> => ok(api.PUT("/api/v1/users/me/retention", { body }));
export const resetRetention = (): Promise<Retention> => ok(api.DELETE("/api/v1/users/me/retention"));
/** What was erased lately, by day and kind. */
export const erasures = async (): Promise<Erasure[]> =>
  (await ok(api.GET("/api/v1/users/me/erasures", { params: { query: { limit: 20 } } }))).items;
