import { type RefObject, useEffect, useRef, useState } from "react";

/** So many pages come by themselves; then a button does, so that what stands below the list can be reached. */
const BY_ITSELF = 4;
const AHEAD = "600px";

type List = {
  data: { pages: unknown[] } | undefined;
  hasNextPage: boolean;
  isFetching: boolean;
  isFetchNextPageError: boolean;
  fetchNextPage: () => unknown;
};

/**
 * Fetches the next page when the end of the list comes near; `more` is for the button.
 * Pages are counted, not requests: reading the list anew cancels one that is in flight. It waits until that
 * is done, and after an error for the button.
 */
export function useMore(list: List): { end: RefObject<HTMLDivElement | null>; more: () => void } {
  const { hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = list;
  const pages = list.data?.pages.length ?? 0;
  const end = useRef<HTMLDivElement>(null);
  const [near, setNear] = useState(false);
  const [limit, setLimit] = useState(1 + BY_ITSELF);
  useEffect(() => {
    const element = end.current;
    if (!element) return;
    const seen = new IntersectionObserver(([entry]) => setNear(entry?.isIntersecting ?? false), {
      rootMargin: `0px 0px ${AHEAD} 0px`,
    });
    seen.observe(element);
    return () => seen.disconnect();
  }, [hasNextPage]);
  useEffect(() => {
    if (near && hasNextPage && !isFetching && !isFetchNextPageError && pages < limit) fetchNextPage();
  }, [near, hasNextPage, isFetching, isFetchNextPageError, pages, limit, fetchNextPage]);
  const more = () => {
    setLimit(pages + 1 + BY_ITSELF);
    fetchNextPage();
  };
  return { end, more };
}
