import { type ReactNode, useState } from "react";

import { Icon } from "./icons";

type Props = { sources: (string | null | undefined)[]; alt: string; className: string };

/** The first of the pictures that the browser can show; a calm frame where there is none. */
export function Photo({ sources, alt, className }: Props): ReactNode {
  const [broken, setBroken] = useState<string[]>([]);
  const source = sources.find((each): each is string => Boolean(each) && !broken.includes(each as string));
  if (!source) {
    return (
      <div role="img" aria-label={alt} className={`grid aspect-3/2 place-items-center text-soft ${className}`}>
        <Icon name="image" className="size-8" />
      </div>
    );
  }
  return <img src={source} alt={alt} onError={() => setBroken([...broken, source])} className={className} />;
}
