/** Brings the viewer's code before it is needed: 0.8 MB that would otherwise be asked for only after the scene. */
import { thisDevice } from "./detail";

let asked = false;

/** Load the viewer when the browser has time, once; not for people who save data. */
export function warmViewer(): void {
  if (asked || thisDevice().saveData) return;
  asked = true;
  const load = () => {
    import("./stage").catch(() => {
      asked = false; // the next chance may find a network, and the viewer itself says what is wrong
    });
  };
  if ("requestIdleCallback" in window) requestIdleCallback(load, { timeout: 2_000 });
  else setTimeout(load, 200); // Safari
}

/** What a link to a scene does when it is about to be followed. */
export const warming = { onPointerEnter: warmViewer, onFocus: warmViewer, onTouchStart: warmViewer };
