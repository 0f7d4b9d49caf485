import type { ReactNode } from "react";

import { nameOf, type Scene } from "../api/scenes";
import { steady } from "../lib/steady";
import { Button } from "../ui/Button";
import { Photo } from "../ui/Photo";
import { Trouble } from "../ui/states";
import { frameOf } from "../viewer/frame";
import { Viewer } from "../viewer/Viewer";
import { useViewerFile } from "./useViewerFile";

const PATIENCE_MS = 60_000;

/** A finished scene: the viewer, or the picture while the viewer's file is being made. */
export function SceneView({ scene }: { scene: Scene }): ReactNode {
  const { url, making, make, error } = useViewerFile(scene);
  const frame = frameOf(scene.metadata);
  const photo = scene.photo_url ? steady(`photo ${scene.id}`, scene.photo_url) : null;
  const preview = scene.preview_url ? steady(`preview ${scene.id}`, scene.preview_url) : null;
  if (url && frame) return <Viewer name={nameOf(scene)} url={url} frame={frame} photo={photo} preview={preview} />;

  const coming = making || (scene.viewer_url === null && Date.now() - new Date(scene.updated_at).getTime() < PATIENCE_MS);
  return (
    <div className="grid gap-4">
      <div className="relative mx-auto overflow-hidden rounded-3xl bg-stage shadow-lift">
        <Photo sources={[preview, photo]} alt="The photo" className={`max-h-[70vh] ${coming ? "breathe" : ""}`} />
      </div>
      {coming ? (
        <p role="status" className="text-center text-soft">
          Preparing the 3D view…
        </p>
      ) : (
        <div className="text-center">
          <Button look="main" icon="spark" onClick={make}>
            Make the 3D view
          </Button>
        </div>
      )}
      {error !== null && error !== undefined && <Trouble error={error} retry={make} />}
    </div>
  );
}
