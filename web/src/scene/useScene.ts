import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { ended, openedScene, type Scene } from "../api/scenes";
import { VIEWS_LOOK_MS, viewsAwaited } from "./views";

const LOOK_MS = 2_000;

/** A scene, looked at again while something about it is still to come. */
export function useScene(id: string): UseQueryResult<Scene> {
  const [openedAt] = useState(Date.now);
  return useQuery({
    queryKey: ["scene", id],
    queryFn: () => openedScene(id),
    refetchInterval: ({ state: { data } }) => nextLook(data, openedAt),
  });
}

/** The stream tells of the end before the row shows it, of views not at all, and only the row knows the queue. */
function nextLook(scene: Scene | undefined, openedAt: number): number | false {
  if (!scene || !ended(scene.status)) return LOOK_MS;
  if (scene.status !== "completed") return false;
  return viewsAwaited(scene, Math.max(openedAt, Date.parse(scene.updated_at))) ? VIEWS_LOOK_MS : false;
}
