import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { onAll } from "../api/bulk";
import type { SceneItem } from "../api/scenes";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Trouble } from "../ui/states";
import { TagField } from "./Notes";
import { inWords } from "./SelectionBar";

type Props = { scenes: SceneItem[] | null; onClose: () => void; onDone: (words: string) => void };

/** Adds a tag to all of them, or removes one. */
export function TagSeveral({ scenes, onClose, onDone }: Props): ReactNode {
  return (
    <Dialog title="Tag the selected scenes" open={scenes !== null} onClose={onClose}>
      {scenes && <Body scenes={scenes} onClose={onClose} onDone={onDone} />}
    </Dialog>
  );
}

function Body({ scenes, onDone }: Props & { scenes: SceneItem[] }): ReactNode {
  const queries = useQueryClient();
  const [text, setText] = useState("");
  const present = [...new Set(scenes.flatMap(({ tags }) => tags))].sort();
  const change = useMutation({
    mutationFn: ({ action, tag }: { action: "tag" | "untag"; tag: string }) =>
      onAll(
        scenes.map(({ id }) => id),
        { action, tags: [tag] },
      ),
    onSuccess: async (found, { action }) => {
      onDone(inWords(found, action === "tag" ? "tagged" : "without the tag"));
      await Promise.all([
        queries.invalidateQueries({ queryKey: ["scenes"] }),
        queries.invalidateQueries({ queryKey: ["tags"] }),
      ]);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate({ action: "tag", tag: text.trim() });
  };
  return (
    <form onSubmit={submit} className="grid gap-5">
      <TagField value={text} onChange={setText} />
      {present.length > 0 && (
        <div className="grid gap-2">
          <h3 className="text-sm font-medium">Remove from all of them</h3>
          <div className="flex flex-wrap gap-2">
            {present.map((tag) => (
              <Button
                small
                key={tag}
                icon="close"
                busy={change.isPending}
                onClick={() => change.mutate({ action: "untag", tag })}
              >
                {tag}
              </Button>
            ))}
          </div>
        </div>
      )}
      {change.error && <Trouble error={change.error} />}
      <div className="flex justify-end">
        <Button look="main" type="submit" icon="tag" disabled={!text.trim()} busy={change.isPending}>
          Add the tag
        </Button>
      </div>
    </form>
  );
}
