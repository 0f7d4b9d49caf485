import { type RefObject, useEffect, useState } from "react";

export type FullScreen = { full: boolean; toggle: () => void };

/** Full screen by the browser; where it has none for elements (iPhone), a view as large as the page. */
export function useFullScreen(view: RefObject<HTMLElement | null>): FullScreen {
  const [full, setFull] = useState(false);
  useEffect(() => {
    const changed = () => setFull(document.fullscreenElement !== null && document.fullscreenElement === view.current);
    document.addEventListener("fullscreenchange", changed);
    return () => document.removeEventListener("fullscreenchange", changed);
  }, [view]);
  useEffect(() => {
    if (!full || document.fullscreenElement) return;
    const leave = (event: KeyboardEvent) => event.key === "Escape" && setFull(false);
    document.addEventListener("keydown", leave);
    document.body.style.overflow = "hidden"; // the page behind it stays where it is
    return () => {
      document.removeEventListener("keydown", leave);
      document.body.style.overflow = "";
    };
  }, [full]);
  const toggle = () => {
    const element = view.current;
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (full) setFull(false);
    else if (element && "requestFullscreen" in element) element.requestFullscreen().catch(() => setFull(true));
    else setFull(true);
  };
  return { full, toggle };
}
