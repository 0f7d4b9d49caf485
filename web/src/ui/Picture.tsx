import { type ReactNode, useState } from "react";

import { Icon } from "./icons";

type Props = { sources: (string | null | undefined)[]; alt: string; className?: string; lazy?: boolean };

/** The first of these pictures that the browser can show; a calm frame where it can show none (HEIC, TIFF). */
export function Picture({ sources, alt, className = "", lazy = false }: Props): ReactNode {
  const [broken, setBroken] = useState<string[]>([]);
  const source = sources.find((each): each is string => !!each && !broken.includes(each));
  if (!source) {
    return (
      <div
        {...(alt ? { role: "img", "aria-label": alt } : { "aria-hidden": true })}
        className={`grid min-h-24 place-items-center bg-wash text-soft ${className}`}
      >
        <Icon name="image" className="size-8" />
      </div>
    );
  }
  return (
    <img
      src={source}
      alt={alt}
      loading={lazy ? "lazy" : "eager"}
      onError={() => setBroken((before) => [...before, source])}
      className={className}
    />
  );
}
