import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { onAll } from "../api/bulk";
import { ended, nameOf, type SceneItem } from "../api/scenes";
import { Confirm } from "../ui/Confirm";
import { inWords } from "./SelectionBar";
import { forgetSent } from "./uploads";

type Props = { scenes: SceneItem[] | null; onClose: () => void; onDone: (words: string) => void };

/** Asks once for all of them; those that are still being made stay. */
export function DeleteSeveral({ scenes, onClose, onDone }: Props): ReactNode {
  const count = scenes?.filter(({ status }) => ended(status)).length ?? 0;
  return (
    <Confirm title={count === 1 ? "Delete this scene?" : `Delete ${count} scenes?`} item={scenes} onClose={onClose}>
      {(shown) => <Body scenes={shown} onClose={onClose} onDone={onDone} />}
    </Confirm>
  );
}

function Body({ scenes, onClose, onDone }: Props & { scenes: SceneItem[] }): ReactNode {
  const queries = useQueryClient();
  const doomed = scenes.filter(({ status }) => ended(status));
  const running = scenes.length - doomed.length;
  const remove = useMutation({
    mutationFn: () =>
      onAll(
        doomed.map(({ id }) => id),
        { action: "delete" },
      ),
    onSuccess: async (found) => {
      forgetSent(new Set(found.filter(({ done }) => done).map(({ id }) => id)));
      onDone(inWords(found, "deleted"));
      await Promise.all([
        queries.invalidateQueries({ queryKey: ["scenes"] }),
        queries.invalidateQueries({ queryKey: ["tags"] }),
      ]);
    },
  });
  const names = doomed.slice(0, 3).map(nameOf).join(", ");
  return (
    <Confirm.Body
      act={doomed.length === 1 ? "Delete" : `Delete ${doomed.length}`}
      icon="trash"
      keep="Keep them"
      mutation={remove}
      onClose={onClose}
    >
      <span className="font-medium wrap-anywhere text-ink">
        {names}
        {doomed.length > 3 && ` and ${doomed.length - 3} more`}
      </span>
      : the photos, the scenes and all their exports are removed for good. Links to them end.
      {running > 0 && ` ${running} that ${running === 1 ? "is" : "are"} still being made stay.`}
    </Confirm.Body>
  );
}
