import { problemOf } from "./problem";
import { accessToken } from "./session";

export type Share = { id: string; scene_generation_id: string; created_at: string; expires_at: string };
export type NewShare = Share & { token: string; url: string };
export type Shared = {
  name: string | null;
  created_at: string;
  expires_at: string;
  viewer_url: string | null;
  preview_url: string | null;
  original_image_url: string;
  gaussian_count: number;
  width: number;
  height: number;
  focal_length_px: number;
};

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const token = path.startsWith("shared/") ? null : await accessToken();
  const answer = await fetch(`/api/v1/${path}`, {
    method,
    headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(body !== undefined && { "Content-Type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const read = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw problemOf(answer.status, read);
  return read as T;
}

export const shares = async (scene: string): Promise<Share[]> => (await call<{ items: Share[] }>("GET", `scenes/${scene}/shares`)).items;
export const share = (scene: string, expires_in_hours: number): Promise<NewShare> => call("POST", `scenes/${scene}/shares`, { expires_in_hours });
export const unshare = (id: string): Promise<null> => call("DELETE", `shares/${id}`);
export const shared = (token: string): Promise<Shared> => call("GET", `shared/${encodeURIComponent(token)}`);
