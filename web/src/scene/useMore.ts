import { type RefObject, useEffect, useRef, useState } from "react";

/** So many pages come by themselves; then a button does, so that what stands below the list can be reached. */
const BY_ITSELF = 4;
const AHEAD = "600px";

type List = { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };

/** Fetches the next page when the end of the list comes near; `more` is for the button. */
export function useMore({ hasNextPage, isFetchingNextPage, fetchNextPage }: List): {
  end: RefObject<HTMLDivElement | null>;
  more: () => void;
} {
  const end = useRef<HTMLDivElement>(null);
  const [near, setNear] = useState(false);
  const left = useRef(BY_ITSELF);
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
    if (!near || !hasNextPage || isFetchingNextPage || left.current <= 0) return;
    left.current -= 1;
    fetchNextPage();
  }, [near, hasNextPage, isFetchingNextPage, fetchNextPage]);
  const more = () => {
    left.current = BY_ITSELF;
    fetchNextPage();
  };
  return { end, more };
}
