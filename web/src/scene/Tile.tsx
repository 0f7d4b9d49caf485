import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { ended, nameOf, scene, type SceneItem } from "../api/scenes";
import { ago, ordinal } from "../lib/words";
import { IconButton } from "../ui/Button";
import { Progress } from "../ui/states";
import { usePlace } from "./live";
import { placeOfStatus, STAGES } from "./stages";
import { Thumb } from "./Thumb";

/** A scene in the gallery: its picture, what it is called, and how far it is while it is being made. */
export function Tile({ item, onDelete }: { item: SceneItem; onDelete: () => void }): ReactNode {
  const name = nameOf(item);
  return (
    <li style={{ "--ratio": ratio(item) } as React.CSSProperties} className="group relative">
      <Link to={`/scenes/${item.id}`} className="grid gap-2.5 rounded-2xl">
        <div
          className="relative overflow-hidden rounded-2xl bg-wash shadow-lift transition-transform duration-300 group-hover:-translate-y-0.5"
          style={{ aspectRatio: ratio(item) }}
        >
          <Thumb item={item} name="" />
          {!ended(item.status) && <Underway item={item} />}
          {item.status === "failed" && <Veil>Failed: {item.error_message}</Veil>}
          {item.status === "cancelled" && <Veil>Cancelled</Veil>}
        </div>
        <div className="flex items-baseline justify-between gap-3 px-1 pr-10">
          <span className="truncate font-medium">{name}</span>
          <span className="shrink-0 text-sm text-soft">{ago(item.created_at)}</span>
        </div>
      </Link>
      {ended(item.status) && (
        <IconButton
          icon="trash"
          label={`Delete ${name}`}
          onClick={onDelete}
          className="absolute -right-1.5 -bottom-2.5 text-soft hover:bg-bad-wash hover:text-bad"
        />
      )}
    </li>
  );
}

/** Wide and tall photos are shown as they are, panoramas and slips within reason. */
function ratio({ metadata }: SceneItem): number {
  const { width, height } = (metadata.image ?? {}) as { width?: number; height?: number };
  return width && height ? Math.min(2.2, Math.max(0.6, width / height)) : 1.5;
}

function Underway({ item }: { item: SceneItem }): ReactNode {
  const place = usePlace(item.id) ?? placeOfStatus(item.status);
  const { data } = useQuery({
    queryKey: ["scene", item.id],
    queryFn: () => scene(item.id),
    refetchInterval: 2_000,
    enabled: item.status === "pending",
  });
  const turn = place.stage === 0 && data?.queue ? `${ordinal(data.queue.position)} in line` : null;
  return (
    <div className="absolute inset-0 grid content-end gap-2 bg-gradient-to-t from-black/75 via-black/20 p-4 text-sm text-white">
      <span className="breathe font-medium">{turn ?? STAGES[place.stage]?.title ?? "Nearly there"}</span>
      <Progress value={place.fraction} label="How far the scene is" />
    </div>
  );
}

function Veil({ children }: { children: ReactNode }): ReactNode {
  return (
    <div className="absolute inset-0 grid place-items-center bg-black/65 p-4 text-center text-sm text-white">
      {children}
    </div>
  );
}
