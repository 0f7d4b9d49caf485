import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { type Album, albums, endAlbum } from "../api/albums";
import { ShareLink } from "../scene/ShareLink";
import { ago, day, many } from "../lib/words";
import { Button, ButtonLink } from "../ui/Button";
import { Confirm } from "../ui/Confirm";
import { Card, Page } from "../ui/Page";
import { Empty, Rows, Trouble } from "../ui/states";

/** The links that show several scenes at once. */
export function Albums(): ReactNode {
  const found = useQuery({ queryKey: ["albums"], queryFn: albums });
  const [ended, setEnded] = useState<Album | null>(null);
  return (
    <Page title="Albums" lead="Links by which anybody can look at several of your scenes for a while.">
      {found.error && <Trouble error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Rows />}
      {found.data?.length === 0 && (
        <Empty icon="share" title="There are no albums">
          Select some scenes, then choose Album.
          <div className="pt-5">
            <ButtonLink to="/">To your scenes</ButtonLink>
          </div>
        </Empty>
      )}
      {found.data?.map((album) => (
        <Card key={album.id} title={album.title}>
          <p className="text-sm text-soft" title={`Until ${day(album.expires_at)}`}>
            {[
              `${album.scenes} scene${album.scenes === 1 ? "" : "s"}`,
              `created ${ago(album.created_at)}, ends ${ago(album.expires_at)}`,
              album.opened === 1 ? "opened once" : `opened ${many(album.opened)} times`,
              ...(album.show_photo ? [] : ["photos hidden"]),
              ...(album.allow_download ? ["with download"] : []),
            ].join(", ")}
          </p>
          {album.url && <ShareLink url={album.url} embed={null} name={album.title} />}
          <div>
            <Button small look="danger" icon="trash" onClick={() => setEnded(album)}>
              End {album.title}
            </Button>
          </div>
        </Card>
      ))}
      <Confirm title="End this album?" item={ended} onClose={() => setEnded(null)}>
        {(album) => <End album={album} onClose={() => setEnded(null)} />}
      </Confirm>
    </Page>
  );
}

function End({ album, onClose }: { album: Album; onClose: () => void }): ReactNode {
  const queries = useQueryClient();
  const end = useMutation({
    mutationFn: () => endAlbum(album.id),
    onSuccess: async () => {
      onClose();
      await queries.invalidateQueries({ queryKey: ["albums"] });
    },
  });
  return (
    <Confirm.Body act="End it" icon="trash" keep="Cancel" mutation={end} onClose={onClose}>
      <span className="font-medium wrap-anywhere text-ink">{album.title}</span>: its link shows nothing any more. The
      scenes stay.
    </Confirm.Body>
  );
}
