import { useState } from "react";

import { among, NONE, type Selection, toggled } from "../lib/selection";

/** What is chosen from the gallery, and whether choosing is on. `order`: what is listed. */
export function useSelection(order: string[]) {
  const [selecting, setSelecting] = useState(false);
  const [all, setAll] = useState<Selection>(NONE);
  const { chosen } = among(all, order);
  const close = () => {
    setSelecting(false);
    setAll(NONE);
  };
  return {
    /** A box that is ticked begins the choosing, too. */
    selecting: selecting || chosen.size > 0,
    chosen,
    begin: () => setSelecting(true),
    close,
    toggle: (id: string, range: boolean) => {
      setSelecting(true);
      setAll(toggled(among(all, order), id, order, range));
    },
    all: () => setAll({ chosen: new Set(order), anchor: order.at(-1) ?? null }),
  };
}
