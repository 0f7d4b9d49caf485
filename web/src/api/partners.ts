import { api, done, ok, type Schemas } from "./client";

export type Partner = Schemas["PartnerOut"];
export type PartnerPage = Schemas["PartnerPage"];
export type Opened = Schemas["PartnerOpened"];

const of = (partner_id: string) => ({ params: { path: { partner_id } } });

export function partners(cursor: string | null): Promise<PartnerPage> {
  const query = { limit: 50, ...(cursor && { cursor }) };
  return ok(api.GET("/api/v1/partners", { params: { query } }));
}

export const createPartner = (slug: string, account_id: string): Promise<Opened> =>
  ok(api.POST("/api/v1/partners", { body: { slug, account_id } }));
export const rotatePartner = (id: string): Promise<Opened> =>
  ok(api.POST("/api/v1/partners/{partner_id}/rotate", of(id)));
export const suspendPartner = (id: string): Promise<Partner> =>
  ok(api.POST("/api/v1/partners/{partner_id}/suspend", of(id)));
export const resumePartner = (id: string): Promise<Partner> =>
  ok(api.POST("/api/v1/partners/{partner_id}/resume", of(id)));
export const removePartner = (id: string): Promise<void> => done(api.DELETE("/api/v1/partners/{partner_id}", of(id)));
