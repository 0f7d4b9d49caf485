import { api, ok, type Schemas } from "./client";
import type { Format, OptionSchema } from "./formats";

export type Export = Schemas["ExportOut"];
export type Options = Record<string, string | number | boolean>;

export const exportsOf = async (generation_id: string): Promise<Export[]> =>
  (
    await ok(
      api.GET("/api/v1/scenes/{generation_id}/exports", { params: { path: { generation_id }, query: { limit: 100 } } }),
    )
  ).items;

export const exportOf = (export_id: string): Promise<Export> =>
  ok(api.GET("/api/v1/exports/{export_id}", { params: { path: { export_id } } }));

/** Return the options that differ from their defaults: what is made of the others would be the same file again. */
export function chosen(options: Options, schemas: Record<string, OptionSchema>): Options {
  return Object.fromEntries(Object.entries(options).filter(([name, value]) => value !== schemas[name]?.default));
}

export async function makeExport(generation_id: string, format: string, options: Options = {}): Promise<string> {
  const body = { format, options } as Schemas["ExportIn"];
  const answer = await ok(
    api.POST("/api/v1/scenes/{generation_id}/export", { params: { path: { generation_id } }, body }),
  );
  return answer.export_id;
}

export const formats = async (): Promise<Format[]> => (await ok(api.GET("/api/v1/export-formats"))).items as Format[];

export type ExportPage = Schemas["ExportPage"];

/** The exports of all scenes, the newest first. */
export const allExports = (cursor: string | null): Promise<ExportPage> =>
  ok(api.GET("/api/v1/exports", { params: { query: { limit: 50, ...(cursor && { cursor }) } } }));
