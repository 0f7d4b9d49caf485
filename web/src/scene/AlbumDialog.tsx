import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";

import { makeAlbum } from "../api/albums";
import { MOST } from "../api/bulk";
import type { SceneItem } from "../api/scenes";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field, Select, Tick } from "../ui/Field";
import { Note, Trouble } from "../ui/states";
import { ShareLink } from "./ShareLink";
import { SPANS } from "./spans";

type Props = { scenes: SceneItem[] | null; onClose: () => void };

/** One link that shows all of them. */
export function AlbumDialog({ scenes, onClose }: Props): ReactNode {
  return (
    <Dialog title="Share as an album" open={scenes !== null} onClose={onClose}>
      {scenes && <Body scenes={scenes} onClose={onClose} />}
    </Dialog>
  );
}

function Body({ scenes, onClose }: { scenes: SceneItem[]; onClose: () => void }): ReactNode {
  const queries = useQueryClient();
  const [title, setTitle] = useState("");
  const [hours, setHours] = useState(168);
  const [photo, setPhoto] = useState(true);
  const [files, setFiles] = useState(false);
  const shown = scenes.slice(0, MOST);
  const make = useMutation({
    mutationFn: () =>
      makeAlbum({
        title: title.trim(),
        scene_ids: shown.map(({ id }) => id),
        expires_in_hours: hours,
        show_photo: photo,
        allow_download: files,
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["albums"] }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  if (make.data) {
    return (
      <>
        <p role="status" className="text-soft">
          The link shows {shown.length} scenes. You find it again under Albums.
        </p>
        <ShareLink url={make.data.url} embed={null} name={make.data.title} />
        <div className="flex justify-end">
          <Button look="main" data-first onClick={onClose}>
            Done
          </Button>
        </div>
      </>
    );
  }
  return (
    <form onSubmit={submit} className="grid gap-5">
      <p className="text-soft">
        Anybody with the link can look into these scenes, in the order of your list. A scene that you delete leaves the
        album.
      </p>
      <Field label="Title" value={title} maxLength={120} required onChange={(event) => setTitle(event.target.value)} />
      <Select label="Expires after" value={hours} onChange={(event) => setHours(Number(event.target.value))}>
        {SPANS.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </Select>
      <div>
        <Tick label="Show the photos" checked={photo} onChange={(event) => setPhoto(event.target.checked)} />
        <Tick
          label="Allow downloading the splats"
          checked={files}
          onChange={(event) => setFiles(event.target.checked)}
        />
      </div>
      {scenes.length > MOST && (
        <Note>
          An album has {MOST} scenes at most: the first {MOST} are in it.
        </Note>
      )}
      {make.error && <Trouble error={make.error} />}
      <div className="flex justify-end">
        <Button look="main" type="submit" icon="link" disabled={!title.trim()} busy={make.isPending}>
          Create link
        </Button>
      </div>
    </form>
  );
}
