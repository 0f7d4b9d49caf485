/** Photos that have just been sent, as scenes, until the service's own list has them. */
import type { SceneItem } from "../api/scenes";
import type { Sending } from "./uploads";

/** A list that was read this long after a photo was sent has it, unless it was deleted. */
const LISTED_MS = 5_000;

/** Return what is not in the list yet, the newest first. `readAt`: when the list was read. */
export function justSent(sendings: Sending[], listed: SceneItem[], readAt: number): SceneItem[] {
  const known = new Set(listed.map(({ id }) => id));
  return sendings
    .filter(({ sceneId, sentAt }) => sceneId !== null && !known.has(sceneId) && readAt < sentAt + LISTED_MS)
    .sort((a, b) => b.sentAt - a.sentAt)
    .map((each) => itemOf(each, each.sceneId ?? ""));
}

function itemOf({ file, sentAt }: Sending, id: string): SceneItem {
  const at = new Date(sentAt).toISOString();
  return {
    id,
    status: "pending",
    priority: "interactive",
    name: file.name,
    photo_url: null,
    thumbnail_url: null,
    preview_url: null,
    processing_time_seconds: null,
    metadata: {},
    error_code: null,
    error_message: null,
    tags: [],
    favourite: false,
    retry_of: null,
    created_at: at,
    updated_at: at,
  };
}
