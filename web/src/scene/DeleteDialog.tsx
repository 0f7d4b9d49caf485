import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { removeScene } from "../api/scenes";
import { Confirm } from "../ui/Confirm";
import { forgetSent } from "./uploads";

type Doomed = { id: string; name: string };
type Props = { scene: Doomed | null; onClose: () => void; onDone?: () => void };

/** Asks once more, because there is no way back. */
export function DeleteDialog({ scene, onClose, onDone }: Props): ReactNode {
  return (
    <Confirm title="Delete this scene?" item={scene} onClose={onClose}>
      {(shown) => <Body scene={shown} onClose={onClose} {...(onDone && { onDone })} />}
    </Confirm>
  );
}

function Body({ scene, onClose, onDone }: Props & { scene: Doomed }): ReactNode {
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => removeScene(scene.id),
    onSuccess: async () => {
      forgetSent(new Set([scene.id]));
      onClose();
      onDone?.();
      await queries.invalidateQueries({ queryKey: ["scenes"] });
    },
  });
  return (
    <Confirm.Body act="Delete" icon="trash" keep="Cancel" mutation={remove} onClose={onClose}>
      <span className="font-medium wrap-anywhere text-ink">{scene.name}</span>: the photo, the scene and all its exports
      are removed for good. Links to it end.
    </Confirm.Body>
  );
}
