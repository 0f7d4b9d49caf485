import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";

import { ended, type Listing, scenes } from "../api/scenes";
import { justSent } from "./sent";
import { useSendings } from "./uploads";

const REFETCH_MS = 2_000;

/**
 * The scenes of a list, as far as its pages have been fetched; read again while one is being made, or was sent
 * so lately that this reading cannot say where it stands: further back than these pages, or not in the list yet.
 */
export function useListed(listing: Listing, live = true) {
  const sendings = useSendings();
  return useInfiniteQuery({
    queryKey: ["scenes", listing],
    queryFn: ({ pageParam }) => scenes(listing, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    // The stream tells of an end before the row shows it.
    refetchInterval: ({ state: { data, dataUpdatedAt } }) => {
      if (!live || !data) return false;
      const items = data.pages.flatMap((page) => page.items);
      const open = items.some(({ status }) => !ended(status)) || justSent(sendings, items, dataUpdatedAt).length > 0;
      return open && REFETCH_MS * data.pages.length;
    },
  });
}
