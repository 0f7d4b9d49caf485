import { type ReactNode, useDeferredValue, useEffect, useState } from "react";
import { useSearchParams } from "react-router";

import { type ListingChange, nameOf } from "../api/scenes";
import { isPlain, listingOf, queryOf } from "../lib/listing";
import { DeleteDialog } from "../scene/DeleteDialog";
import { DemoModel } from "../scene/DemoModel";
import { Drop } from "../scene/Drop";
import { Filters } from "../scene/Filters";
import { SelectionBar } from "../scene/SelectionBar";
import { Sendings } from "../scene/Sendings";
import { justSent } from "../scene/sent";
import { Tile } from "../scene/Tile";
import { forgetSent, sentAs, useSendings } from "../scene/uploads";
import { useListed } from "../scene/useListed";
import { useMore } from "../scene/useMore";
import { useSelection } from "../scene/useSelection";
import { Button } from "../ui/Button";
import { Icon } from "../ui/icons";
import { Page } from "../ui/Page";
import { Empty, Trouble } from "../ui/states";
import { Samples } from "../welcome/Samples";

/** Queue positions are asked for one by one: those of the first few that wait are enough. */
const COUNTED = 3;

/** All scenes of the account in the order asked for, and where new ones begin. */
export function Gallery(): ReactNode {
  const [query, setQuery] = useSearchParams();
  const address = query.toString();
  const listing = listingOf(new URLSearchParams(useDeferredValue(address)));
  const [doomed, setDoomed] = useState<{ id: string; name: string } | null>(null);
  const found = useListed(listing);
  const sendings = useSendings();
  const listed = found.data?.pages.flatMap((page) => page.items) ?? [];
  const newest = !listing.sort && isPlain(listing);
  const items = newest ? [...justSent(sendings, listed, found.dataUpdatedAt), ...listed] : listed;
  const shownByStore = listed.filter(({ photo_url }) => photo_url).map(({ id }) => id);
  useEffect(() => forgetSent(new Set(shownByStore.length ? shownByStore : [])));
  const waiting = items.filter(({ status }) => status === "pending").slice(-COUNTED);
  const selection = useSelection(items.map(({ id }) => id));
  const { end, more } = useMore(found);
  const first = found.isSuccess && !items.length && isPlain(listing);
  const change = (part: ListingChange) => {
    const now = listingOf(query);
    setQuery(queryOf({ ...now, ...part }), { replace: true });
  };
  const search = (q: string) => {
    const next = new URLSearchParams(query);
    if (q) next.set("q", q);
    else next.delete("q");
    setQuery(next, { replace: true });
  };
  return (
    <Page
      wide
      title={first ? "Welcome" : "Your scenes"}
      actions={first ? undefined : <Search value={query.get("q") ?? ""} onChange={search} />}
    >
      <DemoModel />
      <Drop large={first} />
      <Sendings />
      {first && <Samples />}
      {!first && (
        <div className="flex flex-wrap items-center justify-between gap-2">
          <Filters
            listing={listingOf(query)}
            onChange={change}
            onClear={() => setQuery(queryOf({ sort: listing.sort }), { replace: true })}
          />
          {items.length > 0 && (
            <Button
              small
              icon="check"
              aria-pressed={selection.selecting}
              onClick={selection.selecting ? selection.close : selection.begin}
            >
              Select
            </Button>
          )}
        </div>
      )}
      {found.error && <Trouble error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Placeholders />}
      {found.isSuccess && !items.length && !isPlain(listing) && (
        <Empty icon="search" title={listing.q ? `Nothing is called “${listing.q}”` : "No scene fits these filters"}>
          Scenes are found by their names and tags.
        </Empty>
      )}
      {/* Keys for the boxes in it: Escape ends the choosing, Ctrl + A chooses all that is listed. */}
      <ul
        aria-label="Scenes"
        aria-busy={found.isPlaceholderData}
        onKeyDown={(event) => {
          if (!selection.selecting) return;
          if (event.key === "Escape") selection.close();
          else if (event.key === "a" && (event.ctrlKey || event.metaKey)) selection.all();
          else return;
          event.preventDefault();
        }}
        className={`pictures gap-y-8 ${found.isPlaceholderData ? "opacity-50" : ""}`}
      >
        {items.map((item) => (
          <Tile
            key={item.id}
            item={item}
            list={address}
            local={sentAs(item.id)?.picture}
            counted={waiting.includes(item)}
            selecting={selection.selecting}
            chosen={selection.chosen.has(item.id)}
            onChoose={(range) => selection.toggle(item.id, range)}
            onDelete={() => setDoomed({ id: item.id, name: nameOf(item) })}
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
      {selection.selecting && (
        <SelectionBar
          chosen={items.filter(({ id }) => selection.chosen.has(id))}
          listed={items.length}
          onAll={selection.all}
          onClose={selection.close}
        />
      )}
      <DeleteDialog scene={doomed} onClose={() => setDoomed(null)} />
    </Page>
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
