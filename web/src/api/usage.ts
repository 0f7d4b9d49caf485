import { api, ok, type Schemas } from "./client";

export type Totals = Pick<Schemas["UsageTotal"], "day" | "event_type" | "count">[];

const since = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();

export const usage = async (days: number): Promise<Totals> =>
  (await ok(api.GET("/api/v1/usage", { params: { query: { from: since(days) } } }))).totals;

export const usageOfAll = async (days: number): Promise<Totals> =>
  (await ok(api.GET("/api/v1/admin/usage", { params: { query: { from: since(days) } } }))).totals;

export type KeyTotals = Schemas["UsageTotal"][];

/** The same for each API key; null is what was done while signed in. */
export const usageByKey = async (days: number): Promise<KeyTotals> =>
  (await ok(api.GET("/api/v1/usage", { params: { query: { from: since(days), group_by: "key" } } }))).totals;

export const usageOf =
  (account_id: string) =>
  async (days: number): Promise<Totals> =>
    (await ok(api.GET("/api/v1/admin/usage", { params: { query: { from: since(days), account_id } } }))).totals;
