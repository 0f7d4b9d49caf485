import { useEffect, useState } from "react";

import type { Headset } from "./headset";

const ALL: readonly Headset[] = ["immersive-vr", "immersive-ar"];

/** What the browser can show a scene in: most have none, and then nothing is offered. */
export function useHeadsets(): readonly Headset[] {
  const [found, setFound] = useState<readonly Headset[]>([]);
  useEffect(() => {
    let gone = false;
    const ask = async () => {
      const xr = navigator.xr;
      if (!xr) return;
      const can = await Promise.all(ALL.map((each) => xr.isSessionSupported(each).catch(() => false)));
      if (!gone) setFound(ALL.filter((_, index) => can[index]));
    };
    void ask();
    return () => {
      gone = true;
    };
  }, []);
  return found;
}
