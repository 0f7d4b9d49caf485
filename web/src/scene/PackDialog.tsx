import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { archive, MOST } from "../api/bulk";
import { formats } from "../api/exports";
import { nameOf, type SceneItem } from "../api/scenes";
import { download } from "../lib/download";
import { size } from "../lib/words";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Note, Trouble } from "../ui/states";
import { FormatSelect } from "./ExportSeveral";

type Props = { scenes: SceneItem[] | null; onClose: () => void };
const SPLATS: [string, string] = ["result", "The splats as they were made (.ply)"];

/** Downloads their files as one zip, which the service makes while it is sent. */
export function PackDialog({ scenes, onClose }: Props): ReactNode {
  return (
    <Dialog title="Download as one zip" open={scenes !== null} onClose={onClose}>
      {scenes && <Body scenes={scenes} onClose={onClose} />}
    </Dialog>
  );
}

function Body({ scenes, onClose }: { scenes: SceneItem[]; onClose: () => void }): ReactNode {
  const known = useQuery({ queryKey: ["formats"], queryFn: formats, staleTime: Number.POSITIVE_INFINITY }).data ?? [];
  const [format, setFormat] = useState(SPLATS[0]);
  const packed = scenes.slice(0, MOST);
  const pack = useMutation({
    mutationFn: () =>
      archive(
        packed.map(({ id }) => id),
        format,
      ),
    onSuccess: ({ url }) => download(new URL(url).pathname),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    pack.mutate();
  };
  const missing = pack.data?.left_out ?? [];
  return (
    <form onSubmit={submit} className="grid gap-5">
      <FormatSelect known={known} value={format} onChange={setFormat} extra={SPLATS} />
      {scenes.length > MOST && (
        <Note>
          A zip holds {MOST} scenes at most: the first {MOST} are packed.
        </Note>
      )}
      {pack.error && <Trouble error={pack.error} />}
      {pack.data && (
        <div role="status" className="grid gap-2">
          <p>
            The download has begun: {pack.data.files} files, {size(pack.data.bytes)}.
          </p>
          {missing.length > 0 && (
            <p className="text-sm text-soft">
              Not in it: {missing.map(({ id }) => named(packed, id)).join(", ")}. {missing[0]?.message}
            </p>
          )}
        </div>
      )}
      <div className="flex flex-wrap justify-end gap-2">
        {pack.data && <Button onClick={onClose}>Done</Button>}
        <Button look="main" type="submit" icon="download" busy={pack.isPending}>
          Download {packed.length}
        </Button>
      </div>
    </form>
  );
}

function named(scenes: SceneItem[], id: string): string {
  const found = scenes.find((each) => each.id === id);
  return found ? nameOf(found) : id;
}
