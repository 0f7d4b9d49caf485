/** Which scenes are listed and in which order, as it stands in the address. */
import type { Listing, ListingChange } from "../api/scenes";

type Sort = NonNullable<Listing["sort"]>;
type Status = NonNullable<Listing["status"]>;

export const SORTS: [Sort, string][] = [
  ["newest", "Newest first"],
  ["oldest", "Oldest first"],
  ["name", "By name"],
  ["largest", "Largest first"],
];
export const STATES: [Status, string][] = [
  ["completed", "Completed"],
  ["processing", "Being made"],
  ["pending", "Waiting"],
  ["failed", "Failed"],
  ["cancelled", "Cancelled"],
];
const SHORT = ["q", "tag", "model"] as const;

/** Return what the address asks for; what it says wrong is left out. */
export function listingOf(query: URLSearchParams): Listing {
  const found: Listing = {};
  for (const name of SHORT) {
    const text = query
      .get(name)
      ?.trim()
      .slice(0, name === "q" ? 100 : 40);
    if (text) found[name] = text;
  }
  const sort = SORTS.find(([value]) => value === query.get("sort"))?.[0];
  const status = STATES.find(([value]) => value === query.get("status"))?.[0];
  if (sort && sort !== "newest") found.sort = sort;
  if (status) found.status = status;
  if (query.get("favourite") === "true") found.favourite = true;
  return found;
}

/** Return the address' part of a list, "" where it is the plain one. */
export function queryOf(listing: ListingChange): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(listing)) if (value) query.set(name, String(value));
  return query.toString();
}

/** Tell whether every scene is listed. */
export const isPlain = ({ sort: _, ...filters }: Listing): boolean => !Object.values(filters).some(Boolean);
