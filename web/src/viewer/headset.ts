/** Shows a scene by WebXR: in a headset, or through a phone's camera in the room. */
import type { PerspectiveCamera, Scene, WebGLRenderer } from "three";

import { ApiError } from "../api/problem";

export type Headset = "immersive-vr" | "immersive-ar";

/**
 * Present until the person leaves it. The scene stands where the photo showed it, seen from where the head was at the
 * beginning: it is metric, so things are as large as they were.
 */
export async function present(
  renderer: WebGLRenderer,
  scene: Scene,
  camera: PerspectiveCamera,
  headset: Headset,
): Promise<void> {
  const session = await navigator.xr?.requestSession(headset).catch((error: unknown) => {
    const why = error instanceof Error ? ` (${error.message})` : "";
    throw new ApiError("xr_refused", `The headset did not start${why}. Allow it in the browser, and try again.`);
  });
  if (!session) throw new ApiError("xr_refused", "This browser knows no headset.");
  const background = scene.background;
  if (headset === "immersive-ar") scene.background = null; // the room is seen behind it
  camera.position.set(0, 0, 0);
  camera.rotation.set(0, 0, 0);
  renderer.xr.enabled = true;
  renderer.xr.setReferenceSpaceType("local");
  try {
    const over = new Promise<void>((done) => session.addEventListener("end", () => done(), { once: true }));
    await renderer.xr.setSession(session);
    renderer.setAnimationLoop(() => renderer.render(scene, camera));
    await over;
  } finally {
    renderer.setAnimationLoop(null);
    renderer.xr.enabled = false;
    scene.background = background;
  }
}
