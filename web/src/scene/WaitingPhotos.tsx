import type { ReactNode } from "react";

import { Note } from "../ui/states";
import { useWaiting } from "./waiting";

/** Says on the forms before an account that the photos chosen there are not lost. */
export function WaitingPhotos(): ReactNode {
  const count = useWaiting();
  if (!count) return null;
  return <Note>{count === 1 ? "Your photo is" : `Your ${count} photos are`} sent as soon as you are signed in.</Note>;
}
