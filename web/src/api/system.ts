import { api, ok } from "./client";

/** Return the version of the service, which may be newer than this page. */
export async function serverVersion(): Promise<string> {
  return (await ok(api.GET("/health/live"))).version;
}
