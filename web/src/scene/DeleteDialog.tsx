import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { removeScene } from "../api/scenes";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Trouble } from "../ui/states";

type Props = { scene: { id: string; name: string } | null; onClose: () => void; onDone?: () => void };

/** Asks once more, because there is no way back. */
export function DeleteDialog({ scene, onClose, onDone }: Props): ReactNode {
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: (id: string) => removeScene(id),
    onSuccess: async () => {
      onClose();
      onDone?.();
      await queries.invalidateQueries({ queryKey: ["scenes"] });
    },
  });
  return (
    <Dialog title="Delete this scene?" open={scene !== null} onClose={onClose}>
      <p className="text-soft">
        <span className="font-medium break-words text-ink">{scene?.name}</span>: the photo, the scene and all its
        exports are removed for good. Links to it end.
      </p>
      {remove.error && <Trouble error={remove.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Keep it</Button>
        <Button look="danger" icon="trash" busy={remove.isPending} onClick={() => scene && remove.mutate(scene.id)}>
          Delete
        </Button>
      </div>
    </Dialog>
  );
}
