import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";

import { ended, type Listing, scenes } from "../api/scenes";

const REFETCH_MS = 2_000;

/** The scenes of a list, as far as its pages have been fetched; read again while one is being made. */
export function useListed(listing: Listing, live = true) {
  return useInfiniteQuery({
    queryKey: ["scenes", listing],
    queryFn: ({ pageParam }) => scenes(listing, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    // The stream tells of an end before the row shows it.
    refetchInterval: ({ state: { data } }) =>
      live && data?.pages.some(({ items }) => items.some(({ status }) => !ended(status)))
        ? REFETCH_MS * data.pages.length
        : false,
  });
}
