import { api, ok, type Schemas } from "./client";
import type { Format } from "./formats";

export type Export = Schemas["ExportOut"];
export type Options = Record<string, string | number | boolean>;

export const exportsOf = async (generation_id: string): Promise<Export[]> =>
  (await ok(api.GET("/api/v1/scenes/{generation_id}/exports", { params: { path: { generation_id }, query: { limit: 100 } } })))
    .items;

export const exportOf = (export_id: string): Promise<Export> =>
  ok(api.GET("/api/v1/exports/{export_id}", { params: { path: { export_id } } }));

export async function makeExport(generation_id: string, format: string, options: Options = {}): Promise<string> {
  const body = { format, options } as Schemas["ExportIn"];
  const answer = await ok(api.POST("/api/v1/scenes/{generation_id}/export", { params: { path: { generation_id } }, body }));
  return answer.export_id;
}

const EARLIER: Format[] = [
  ["ply", ".ply", "splat", "PLY", "3D Gaussian splat for SuperSplat, Blender add-ons and every other viewer."],
  ["spz", ".spz", "splat", "SPZ", "The same in a tenth of the size, for the web."],
  ["glb", ".glb", "splat", "GLB splat", "glTF with Khronos' Gaussian splatting extension."],
  ["gltf", ".gltf", "mesh", "glTF mesh", "A textured mesh, for engines and editors."],
  ["fbx", ".fbx", "mesh", "FBX mesh", "For Maya, Unreal and Unity."],
  ["obj", ".zip", "mesh", "OBJ mesh", "With its material and texture, zipped."],
  ["mp4", ".mp4", "video", "Video", "Four seconds that sway and loop."],
  ["png", ".png", "picture", "Picture", "The photo's own view, as the scene shows it."],
].map(([name, extension, kind, title, description]) => ({ name, extension, kind, title, description, media_type: "", options: {} }) as Format);

export async function formats(): Promise<Format[]> {
  const answer = await fetch("/api/v1/export-formats");
  return answer.ok ? ((await answer.json()) as { items: Format[] }).items : EARLIER;
}
