import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { scene, type SceneItem } from "../api/scenes";
import { steady } from "../lib/steady";
import { Icon } from "../ui/icons";
import { localPicture } from "./uploads";

/** A scene's picture: its preview, until that is made the photo itself, in a calm frame where there is neither. */
export function Thumb({ item, name }: { item: SceneItem; name: string }): ReactNode {
  const [broken, setBroken] = useState<string | null>(null);
  const local = localPicture(item.id);
  const preview = item.preview_url ? steady(`preview ${item.id}`, item.preview_url) : undefined;
  const { data: photo } = useQuery({
    queryKey: ["photo", item.id],
    queryFn: async () => (await scene(item.id)).photo_url,
    enabled: !preview && !local,
    staleTime: 45 * 60_000,
  });
  const source = [preview, local, photo].find((each) => each && each !== broken);
  if (!source) {
    return (
      <div className="grid size-full place-items-center bg-wash text-soft">
        <Icon name="image" className="size-8" />
      </div>
    );
  }
  return <img src={source} alt={name} loading="lazy" onError={() => setBroken(source)} className="size-full object-cover" />;
}
