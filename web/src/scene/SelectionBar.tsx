import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { onAll, type Outcome } from "../api/bulk";
import { ended, type SceneItem } from "../api/scenes";
import { many } from "../lib/words";
import { Button } from "../ui/Button";
import type { IconName } from "../ui/icons";
import { AlbumDialog } from "./AlbumDialog";
import { DeleteSeveral } from "./DeleteSeveral";
import { ExportSeveral } from "./ExportSeveral";
import { PackDialog } from "./PackDialog";
import { TagSeveral } from "./TagSeveral";

type Props = {
  /** The scenes that are chosen, in the order of the list. */
  chosen: SceneItem[];
  listed: number;
  onAll: () => void;
  onClose: () => void;
};
type Asked = "delete" | "tag" | "export" | "pack" | "album" | null;

/** What can be done with the scenes that are chosen; it stays at the bottom of the window. */
export function SelectionBar({ chosen, listed, onAll: all, onClose }: Props): ReactNode {
  const [asked, setAsked] = useState<Asked>(null);
  const [said, setSaid] = useState("");
  const queries = useQueryClient();
  const ids = chosen.map(({ id }) => id);
  const completed = chosen.filter(({ status }) => status === "completed");
  const marked = chosen.length > 0 && chosen.every(({ favourite }) => favourite);
  const mark = useMutation({
    mutationFn: () => onAll(ids, { action: marked ? "unfavourite" : "favourite" }),
    onSuccess: (found) => {
      setSaid(inWords(found, marked ? "no favourites any more" : "favourites"));
      return queries.invalidateQueries({ queryKey: ["scenes"] });
    },
    onError: () => setSaid("They could not be marked: try again."),
  });
  const close = () => setAsked(null);
  const done = (words: string) => {
    setSaid(words);
    close();
  };
  const act = (icon: IconName, text: string, what: Asked, possible: boolean, look: "quiet" | "danger" = "quiet") => (
    <Button small icon={icon} look={look} disabled={!possible} aria-haspopup="dialog" onClick={() => setAsked(what)}>
      {text}
    </Button>
  );
  return (
    <section
      aria-label="Selection"
      className="sticky bottom-3 z-20 grid gap-2 rounded-3xl border border-line bg-card p-3 shadow-2xl sm:px-5"
    >
      <div className="flex flex-wrap items-center gap-2">
        <p role="status" className="mr-auto px-1 font-medium">
          {chosen.length} selected{said && `. ${said}`}
        </p>
        <Button small disabled={chosen.length === listed} onClick={all}>
          Select all {many(listed)}
        </Button>
        <Button small icon="close" onClick={onClose}>
          Done
        </Button>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button small icon="star" disabled={!chosen.length} busy={mark.isPending} onClick={() => mark.mutate()}>
          {marked ? "No favourites" : "Favourites"}
        </Button>
        {act("tag", "Tag", "tag", chosen.length > 0)}
        {act("image", "Export", "export", completed.length > 0)}
        {act("pack", "Zip", "pack", completed.length > 0)}
        {act("share", "Album", "album", completed.length > 0)}
        {act(
          "trash",
          "Delete",
          "delete",
          chosen.some(({ status }) => ended(status)),
          "danger",
        )}
      </div>
      <DeleteSeveral scenes={asked === "delete" ? chosen : null} onClose={close} onDone={done} />
      <TagSeveral scenes={asked === "tag" ? chosen : null} onClose={close} onDone={done} />
      <ExportSeveral scenes={asked === "export" ? completed : null} onClose={close} />
      <PackDialog scenes={asked === "pack" ? completed : null} onClose={close} />
      <AlbumDialog scenes={asked === "album" ? completed : null} onClose={close} />
    </section>
  );
}

/** "12 deleted, 1 not: It is still being made." */
export function inWords(found: Outcome[], verb: string): string {
  const failed = found.filter(({ done }) => !done);
  const good = `${found.length - failed.length} ${verb}`;
  return failed.length ? `${good}, ${failed.length} not: ${failed[0]?.message ?? ""}` : good;
}
