/** How many Gaussians a device draws; what is beyond that is merged into larger ones by Spark's tree of detail. */

export type Quality = "fine" | "light";
export type Device = {
  /** A finger and no mouse. */
  coarse: boolean;
  /** `navigator.deviceMemory` in GB: Chromium says it, 8 at most; others say nothing. */
  memory: number | null;
  /** The person has asked for less to be sent and done. */
  saveData: boolean;
};

/** A scene of SHARP has 1.2 million: phones draw a frame of it in 60 ms and more, of these in a third of that. */
const LIGHT = 350_000;
const PHONE = 750_000;
const SMALL_PHONE = 500_000;
const SMALL_GB = 4;

/** Return the most Gaussians that are drawn; infinity where all of them are. */
export function mostGaussians(quality: Quality, { coarse, memory, saveData }: Device): number {
  if (quality === "light" || saveData) return LIGHT;
  if (!coarse) return Number.POSITIVE_INFINITY;
  return memory !== null && memory <= SMALL_GB ? SMALL_PHONE : PHONE;
}

type Hints = { deviceMemory?: number; connection?: { saveData?: boolean } };

/** Return what the browser says of the device. */
export function thisDevice(): Device {
  const { deviceMemory, connection } = navigator as Navigator & Hints;
  return {
    coarse: matchMedia("(hover: none) and (pointer: coarse)").matches,
    memory: deviceMemory ?? null,
    saveData: connection?.saveData === true,
  };
}
