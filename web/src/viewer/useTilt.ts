import { type RefObject, useEffect, useState } from "react";

import { ApiError } from "../api/problem";
import type { Player } from "./player";
import { type Reading, tilted } from "./tilt";

type Asking = { requestPermission?: () => Promise<"granted" | "denied"> };
export type Tilt = { available: boolean; on: boolean; toggle: () => Promise<void> };

/** The camera follows the phone's tilt once it is switched on, by a tap: iPhones ask for leave only then. */
export function useTilt(player: RefObject<Player | null>): Tilt {
  const [available] = useState(
    () => "DeviceOrientationEvent" in window && isSecureContext && matchMedia("(pointer: coarse)").matches,
  );
  const [on, setOn] = useState(false);
  useEffect(() => {
    if (!on) return;
    const moved = player.current;
    let first: Reading | null = null;
    const turned = ({ beta, gamma }: DeviceOrientationEvent) => {
      if (beta === null || gamma === null) return;
      first ??= { beta, gamma };
      moved?.tilt(tilted(first, { beta, gamma }, screen.orientation?.angle ?? 0));
    };
    window.addEventListener("deviceorientation", turned);
    return () => {
      window.removeEventListener("deviceorientation", turned);
      moved?.tilt({});
    };
  }, [on, player]);
  const toggle = async () => {
    const { requestPermission } = DeviceOrientationEvent as unknown as Asking;
    if (!on && requestPermission && (await requestPermission()) !== "granted") {
      const words =
        "The browser may not read how the phone is held. Allow it in the settings of this site, and try again.";
      throw new ApiError("tilt_refused", words);
    }
    setOn(!on);
  };
  return { available, on, toggle };
}
