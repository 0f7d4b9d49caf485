import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useModels } from "../api/models";
import { type Listing, type ListingChange, tags as tagsOf } from "../api/scenes";
import { isPlain, SORTS, STATES } from "../lib/listing";
import { Button } from "../ui/Button";

type Props = { listing: Listing; onChange: (change: ListingChange) => void; onClear: () => void };

/** Order and filters of the gallery; they stand in the address, so that Back brings them back. */
export function Filters({ listing, onChange, onClear }: Props): ReactNode {
  const tags = useQuery({ queryKey: ["tags"], queryFn: tagsOf, staleTime: 60_000 }).data ?? [];
  const models = useModels();
  const known = tags.map(({ tag }) => tag);
  const shownTags = listing.tag && !known.includes(listing.tag) ? [listing.tag, ...known] : known;
  return (
    <div role="group" aria-label="Which scenes are shown" className="flex flex-wrap items-center gap-2 text-sm">
      <Pick
        label="Order"
        value={listing.sort ?? "newest"}
        options={SORTS}
        onChange={(sort) => onChange({ sort: sort as Listing["sort"] })}
      />
      <Pick
        label="State"
        value={listing.status ?? ""}
        options={[["", "All states"], ...STATES]}
        onChange={(status) => onChange({ status: (status || undefined) as Listing["status"] })}
      />
      {shownTags.length > 0 && (
        <Pick
          label="Tag"
          value={listing.tag ?? ""}
          options={[["", "All tags"], ...shownTags.map((tag): [string, string] => [tag, tag])]}
          onChange={(tag) => onChange({ tag: tag || undefined })}
        />
      )}
      {models.length > 1 && (
        <Pick
          label="Model"
          value={listing.model ?? ""}
          options={[["", "All models"], ...models.map(({ name }): [string, string] => [name, name])]}
          onChange={(model) => onChange({ model: model || undefined })}
        />
      )}
      <Button
        small
        icon="star"
        aria-pressed={listing.favourite === true}
        className="aria-pressed:bg-accent-wash aria-pressed:text-accent"
        onClick={() => onChange({ favourite: listing.favourite ? undefined : true })}
      >
        Favourites
      </Button>
      {!isPlain(listing) && (
        <Button small look="plain" icon="close" onClick={onClear}>
          Show all
        </Button>
      )}
    </div>
  );
}

type PickProps = { label: string; value: string; options: [string, string][]; onChange: (value: string) => void };

function Pick({ label, value, options, onChange }: PickProps): ReactNode {
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      className="min-h-9 max-w-52 rounded-full border border-edge bg-card px-3 text-ink"
    >
      {options.map(([each, text]) => (
        <option key={each} value={each}>
          {text}
        </option>
      ))}
    </select>
  );
}
