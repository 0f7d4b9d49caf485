/** The picture of a scene and its file for the viewer, which are made when somebody opens it. */

type Views = { viewer_url: string | null; preview_url: string | null };

/** How often a page that waits for them looks again. */
export const VIEWS_LOOK_MS = 1_000;
const MADE_WITHIN_MS = 120_000;

/** Tell whether one of them is still being made: the scene was opened, or completed, a short while ago. */
export function viewsAwaited({ viewer_url, preview_url }: Views, since: number): boolean {
  return (viewer_url === null || preview_url === null) && Date.now() - since < MADE_WITHIN_MS;
}
