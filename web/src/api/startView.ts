import type { Place } from "../viewer/motion";
import { api, ok, type Schemas } from "./client";

type StartView = Schemas["StartView"];

/** Save from where a scene is seen at first, on its page, by its shares, and in other pages. */
export const saveStart = (generation_id: string, { right, up, forward }: Place): Promise<StartView> =>
  ok(
    api.PUT("/api/v1/scenes/{generation_id}/start-view", {
      params: { path: { generation_id } },
      body: { right_m: tenths(right), up_m: tenths(up), forward_m: tenths(forward) },
    }),
  );

/** Tenths of a millimetre: a sum of steps may be a hair beyond the half metre that the service allows. */
const tenths = (metres: number): number => Math.round(metres * 1e4) / 1e4;

/** Return where a scene is seen from at first: where the photo was taken, unless its owner chose another view. */
export function startOf({ start_view: view }: { start_view?: StartView | null }): Place | null {
  return view ? { right: view.right_m, up: view.up_m, forward: view.forward_m } : null;
}
