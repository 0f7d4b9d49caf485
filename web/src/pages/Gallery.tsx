import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useDeferredValue, useEffect, useState } from "react";
import { useSearchParams } from "react-router";

import { useModels } from "../api/models";
import { ended, nameOf, type SceneItem, scenes } from "../api/scenes";
import { isRecent } from "../lib/words";
import { DeleteDialog } from "../scene/DeleteDialog";
import { Drop } from "../scene/Drop";
import { Sendings } from "../scene/Sendings";
import { justSent } from "../scene/sent";
import { Tile } from "../scene/Tile";
import { forgetSent, sentAs, useSendings } from "../scene/uploads";
import { Button } from "../ui/Button";
import { Icon } from "../ui/icons";
import { Page } from "../ui/Page";
import { Empty, Note, Trouble } from "../ui/states";

const REFETCH_MS = 2_000;
const MADE_WITHIN_MS = 60_000;
/** Queue positions are asked for one by one: those of the first few that wait are enough. */
const COUNTED = 3;

/** Something about it is still to come: its end, or its picture. */
const unfinished = ({ status, preview_url, updated_at }: SceneItem): boolean =>
  !ended(status) || (status === "completed" && preview_url === null && isRecent(updated_at, MADE_WITHIN_MS));

/** All scenes of the account, newest first, and where new ones begin. */
export function Gallery(): ReactNode {
  const [query, setQuery] = useSearchParams();
  const words = query.get("q") ?? "";
  const q = useDeferredValue(words.trim());
  const [doomed, setDoomed] = useState<{ id: string; name: string } | null>(null);
  const found = useInfiniteQuery({
    queryKey: ["scenes", q],
    queryFn: ({ pageParam }) => scenes(q, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    // The stream tells of an end before the row shows it, and of a preview not at all.
    refetchInterval: ({ state: { data } }) =>
      data?.pages.some(({ items }) => items.some(unfinished)) ? REFETCH_MS * data.pages.length : false,
  });
  const sendings = useSendings();
  const listed = found.data?.pages.flatMap((page) => page.items) ?? [];
  const items = q ? listed : [...justSent(sendings, listed, found.dataUpdatedAt), ...listed];
  const shownByStore = listed.filter(({ preview_url }) => preview_url).map(({ id }) => id);
  useEffect(() => forgetSent(new Set(shownByStore.length ? shownByStore : [])));
  const waiting = items.filter(({ status }) => status === "pending").slice(-COUNTED);
  const first = found.isSuccess && !items.length && !q;
  const search = (value: string) => setQuery(value ? { q: value } : {}, { replace: true });
  return (
    <Page
      wide
      title={first ? "Welcome" : "Your scenes"}
      actions={first ? undefined : <Search value={words} onChange={search} />}
    >
      <DemoModel />
      <Drop large={first} />
      <Sendings />
      {found.error && <Trouble error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Placeholders />}
      {found.isSuccess && !items.length && q && (
        <Empty icon="search" title={`Nothing is called “${q}”`}>
          Scenes are found by the name of their photo.
        </Empty>
      )}
      <ul
        aria-label="Scenes"
        aria-busy={found.isPlaceholderData}
        className={`pictures gap-y-8 ${found.isPlaceholderData ? "opacity-50" : ""}`}
      >
        {items.map((item) => (
          <Tile
            key={item.id}
            item={item}
            local={sentAs(item.id)?.picture}
            counted={waiting.includes(item)}
            onDelete={() => setDoomed({ id: item.id, name: nameOf(item) })}
          />
        ))}
      </ul>
      {found.hasNextPage && (
        <div className="text-center">
          <Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
      <DeleteDialog scene={doomed} onClose={() => setDoomed(null)} />
    </Page>
  );
}

/** Nobody should take the demo model's flat cards for what the service can do. */
function DemoModel(): ReactNode {
  const running = useModels().find(({ running: isRunning }) => isRunning);
  if (running?.name !== "card") return null;
  return (
    <Note>
      The demo model runs: its scenes are flat cards. For real depth, start the service with{" "}
      <code className="font-mono text-sm">INFERENCE_MODEL=layered</code>.
    </Note>
  );
}

function Search({ value, onChange }: { value: string; onChange: (value: string) => void }): ReactNode {
  return (
    <label className="relative block">
      <span className="sr-only">Search scenes</span>
      <Icon name="search" className="pointer-events-none absolute top-3 left-4 size-5 text-soft" />
      <input
        type="search"
        value={value}
        maxLength={100}
        placeholder="Search"
        onChange={(event) => onChange(event.target.value)}
        className="min-h-11 w-full rounded-full border border-edge bg-card pr-4 pl-11 placeholder:text-soft sm:w-64"
      />
    </label>
  );
}

function Placeholders(): ReactNode {
  return (
    <div role="status" aria-label="Loading scenes" className="pictures">
      {[1.5, 1, 1.33, 0.75, 1.78].map((ratio) => (
        <div
          key={ratio}
          style={{ "--ratio": ratio, aspectRatio: ratio } as React.CSSProperties}
          className="shimmer rounded-2xl"
        />
      ))}
    </div>
  );
}
