import { type ReactNode, useEffect } from "react";
import { useLocation, useNavigate } from "react-router";

import { nameOf, type SceneItem } from "../api/scenes";
import { listingOf } from "../lib/listing";
import { IconButton } from "../ui/Button";
import { useListed } from "./useListed";

/** Here the arrow keys mean something else: text, choices, the camera. */
const OWN_KEYS = "input, textarea, select, canvas, dialog, [role=slider], [contenteditable]";

/** The way to the scenes before and after this one, in the list that it was opened from: buttons, ← and →. */
export function Neighbours({ sceneId }: { sceneId: string }): ReactNode {
  const { state } = useLocation() as { state: { list?: string } | null };
  const navigate = useNavigate();
  const list = state?.list ?? "";
  const { data, hasNextPage, isFetchingNextPage, fetchNextPage } = useListed(
    listingOf(new URLSearchParams(list)),
    false,
  );
  const items = data?.pages.flatMap((page) => page.items) ?? [];
  const at = items.findIndex(({ id }) => id === sceneId);
  const before = at > 0 ? items[at - 1] : undefined;
  const after = at >= 0 ? items[at + 1] : undefined;
  const last = at >= 0 && at === items.length - 1;
  useEffect(() => {
    if (last && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [last, hasNextPage, isFetchingNextPage, fetchNextPage]);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target instanceof Element ? event.target : null;
      if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      if (target?.closest(OWN_KEYS) || document.querySelector("dialog[open]")) return;
      const to = event.key === "ArrowLeft" ? before : event.key === "ArrowRight" ? after : undefined;
      if (!to) return;
      event.preventDefault();
      // In the place of this one: Back leads to the list.
      void navigate(`/scenes/${to.id}`, { replace: true, state: { list } });
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [before, after, list, navigate]);
  if (at < 0 || items.length < 2) return null;
  const way = (to: SceneItem | undefined, icon: "back" | "next", text: string) => (
    <IconButton
      icon={icon}
      label={to ? `${text}: ${nameOf(to)}` : text}
      disabled={!to}
      onClick={() => to && void navigate(`/scenes/${to.id}`, { replace: true, state: { list } })}
      className="hover:bg-wash"
    />
  );
  return (
    <nav aria-label="Scenes before and after" className="flex">
      {way(before, "back", "Scene before")}
      {way(after, "next", "Scene after")}
    </nav>
  );
}
