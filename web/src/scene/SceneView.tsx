import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { nameOf, photoOf, type Scene } from "../api/scenes";
import { saveStart, startOf } from "../api/startView";
import { steady, unsteady } from "../lib/steady";
import { day } from "../lib/words";
import { Button } from "../ui/Button";
import { Picture } from "../ui/Picture";
import { Note, Trouble } from "../ui/states";
import { frameOf, scaleOf } from "../viewer/frame";
import { Viewer } from "../viewer/Viewer";
import { useViewerFile } from "./useViewerFile";
import { viewsAwaited } from "./views";

/** A finished scene: the viewer, or the picture while the viewer's file is being made. */
export function SceneView({ scene }: { scene: Scene }): ReactNode {
  const { url, making, make, error } = useViewerFile(scene);
  const [openedAt] = useState(Date.now);
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
    return (
      <Viewer
        name={nameOf(scene)}
        url={url}
        frame={frame}
        photo={photo}
        preview={preview}
        start={startOf(scene)}
        onSaveStart={async (place) => {
          await saveStart(scene.id, place);
          await queries.invalidateQueries({ queryKey: ["scene", scene.id] });
        }}
        scale={scaleOf(scene.metadata)}
        onRetry={again}
      />
    );
  }

  const gone = scene.erased.find(({ part }) => part === "result");
  const erased = gone ?? scene.erased.find(({ part }) => part === "views");
  const coming = making || (!erased && viewsAwaited(scene, openedAt));
  return (
    <div className="grid gap-4">
      <div className="relative mx-auto overflow-hidden rounded-3xl bg-stage shadow-lift">
        <Picture sources={[preview, photo]} alt="The photo" className={`max-h-[70vh] ${coming ? "breathe" : ""}`} />
      </div>
      {coming ? (
        <p role="status" className="text-center text-soft">
          Preparing the 3D view…
        </p>
      ) : gone ? (
        <Note>The 3D scene was erased on {day(gone.erased_at)}, as the account’s settings say.</Note>
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
