/** The one way to the gateway's REST API: the client of `clients/typescript`, signed in. */
import { type components, Sharpstream } from "@sharpstream/client";

import { asApiError } from "./problem";
import { accessToken, renew } from "./session";

export type Schemas = components["schemas"];

/** Calls are asked again by what shows them: a failure is seen at once. */
export const client = new Sharpstream({
  url: globalThis.location?.origin ?? "",
  token: (refused) => (refused === null ? accessToken() : renew()),
  retries: { most: 0, maxWaitMs: 0 },
});
export const { api } = client;

/** Return the data of a call, or throw what went wrong as it can be shown. */
export async function ok<T>(call: Promise<{ data?: T }>): Promise<NonNullable<T>> {
  return (await shown(call)).data as NonNullable<T>;
}

/** The same for answers without a body. */
export async function done(call: Promise<unknown>): Promise<void> {
  await shown(call);
}

/** Return what a call returns, or throw what went wrong as it can be shown. */
export function shown<T>(call: Promise<T>): Promise<T> {
  return call.catch((thrown: unknown) => {
    throw asApiError(thrown);
  });
}
