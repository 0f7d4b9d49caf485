import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { nameOf, photoOf, type Scene } from "../api/scenes";

import { steady, unsteady } from "../lib/steady";
import { isRecent } from "../lib/words";
import { Button } from "../ui/Button";
import { Picture } from "../ui/Picture";
import { Trouble } from "../ui/states";
import { frameOf } from "../viewer/frame";
import { Viewer } from "../viewer/Viewer";
import { useViewerFile } from "./useViewerFile";

const MADE_WITHIN_MS = 60_000;

/** A finished scene: the viewer, or the picture while the viewer's file is being made. */
export function SceneView({ scene }: { scene: Scene }): ReactNode {
  const { url, making, make, error } = useViewerFile(scene);
  const frame = frameOf(scene.metadata);
  const shown = photoOf(scene);
  const photo = shown && steady(`photo ${scene.id}`, shown);
  const preview = scene.preview_url ? steady(`preview ${scene.id}`, scene.preview_url) : null;
  const queries = useQueryClient();
  const again = () => {
    unsteady(`viewer ${scene.id}`);
    void queries.invalidateQueries({ queryKey: ["scene", scene.id] });
  };
  if (url && frame) {
    return <Viewer name={nameOf(scene)} url={url} frame={frame} photo={photo} preview={preview} onRetry={again} />;
  }

  const coming = making || (scene.viewer_url === null && isRecent(scene.updated_at, MADE_WITHIN_MS));
  return (
    <div className="grid gap-4">
      <div className="relative mx-auto overflow-hidden rounded-3xl bg-stage shadow-lift">
        <Picture sources={[preview, photo]} alt="The photo" className={`max-h-[70vh] ${coming ? "breathe" : ""}`} />
      </div>
      {coming ? (
        <p role="status" className="text-center text-soft">
          Preparing the 3D view…
        </p>
      ) : (
        <div className="text-center">
          <Button look="main" icon="spark" onClick={make}>
            Create the 3D view
          </Button>
        </div>
      )}
      {error !== null && error !== undefined && <Trouble error={error} retry={make} />}
    </div>
  );
}
