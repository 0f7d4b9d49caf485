import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { allExports, type Export, formats } from "../api/exports";
import { nameOf } from "../api/scenes";
import { MadeRow } from "../scene/ExportRows";
import { useMore } from "../scene/useMore";
import { Button, ButtonLink } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Page } from "../ui/Page";
import { Empty, Rows, Trouble } from "../ui/states";
import { MeshViewer } from "../viewer/MeshViewer";

const REFETCH_MS = 2_000;

/** Every file that was made of a scene: how far it is, and its download, as often as wanted. */
export function ExportsPage(): ReactNode {
  const [looked, setLooked] = useState<Export | null>(null);
  const found = useInfiniteQuery({
    queryKey: ["exports", "all"],
    queryFn: ({ pageParam }) => allExports(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: ({ state: { data } }) =>
      data?.pages.some(({ items }) => items.some(({ status }) => status === "pending" || status === "processing"))
        ? REFETCH_MS * data.pages.length
        : false,
  });
  const known = useQuery({ queryKey: ["formats"], queryFn: formats, staleTime: Number.POSITIVE_INFINITY }).data;
  const { end, more } = useMore(found);
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Page title="Exports" lead="The files that were made of your scenes, newest first.">
      {found.error && <Trouble error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Rows />}
      {found.isSuccess && !items.length && (
        <Empty icon="download" title="Nothing was exported yet">
          Open a scene and choose a format: the file is made and downloaded by one click.
          <div className="pt-5">
            <ButtonLink to="/">To your scenes</ButtonLink>
          </div>
        </Empty>
      )}
      <ul aria-label="Exports" className="grid gap-2">
        {items.map((each) => (
          <MadeRow
            key={each.id}
            made={each}
            format={known?.find(({ name }) => name === each.export_format)}
            of={
              <Link
                to={`/scenes/${each.scene_generation_id}`}
                className="w-fit max-w-full truncate rounded text-sm underline"
              >
                {nameOf({ name: each.scene_name, created_at: each.created_at })}
              </Link>
            }
            onLook={setLooked}
          />
        ))}
      </ul>
      <div ref={end} className="text-center">
        {found.hasNextPage && (
          <Button busy={found.isFetchingNextPage} onClick={more}>
            Show more
          </Button>
        )}
      </div>
      <Dialog title="Mesh" open={looked !== null} onClose={() => setLooked(null)}>
        {looked && (
          <MeshViewer made={looked} name={nameOf({ name: looked.scene_name, created_at: looked.created_at })} />
        )}
      </Dialog>
    </Page>
  );
}
