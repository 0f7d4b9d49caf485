import { type UseQueryResult, useQuery } from "@tanstack/react-query";

import { ended, scene, type Scene } from "../api/scenes";

const LOOK_MS = 2_000;
const MADE_WITHIN_MS = 120_000;

/** A scene, looked at again while something about it is still to come. */
export function useScene(id: string): UseQueryResult<Scene> {
  return useQuery({
    queryKey: ["scene", id],
    queryFn: () => scene(id),
    // The stream tells of the end before the row shows it, and only the row knows the place in the queue.
    refetchInterval: ({ state: { data } }) => (data && settled(data) ? false : LOOK_MS),
  });
}

/** Nothing more will come by itself: it has ended, and its picture (with the scores) and its viewer's file are there or are not being made. */
function settled(scene: Scene): boolean {
  if (!ended(scene.status)) return false;
  if (scene.status !== "completed" || (scene.viewer_url !== null && scene.preview_url !== null)) return true;
  return Date.now() - new Date(scene.updated_at).getTime() > MADE_WITHIN_MS;
}
