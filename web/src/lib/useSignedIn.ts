import { useSyncExternalStore } from "react";

import { onSession, signedIn } from "../api/session";

export const useSignedIn = (): boolean => useSyncExternalStore(onSession, signedIn);
