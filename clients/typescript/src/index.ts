/** The client of Sharpstream for Node, browsers and edge runtimes: it uses `fetch`, WebCrypto and streams alone. */
export { Sharpstream } from "./client.ts";
export type { DownloadOptions } from "./download.ts";
export { errorOf, type FieldError, SharpstreamError } from "./errors.ts";
export type { Following } from "./following.ts";
export type { Made, ScenesQuery, WaitOptions } from "./groups.ts";
export { type GenerateOptions, MOST_BYTES, type Photo, type SendOptions } from "./photo.ts";
export type { Retries } from "./retries.ts";
export type { components, operations, paths } from "./schema.ts";
export { type ReceivedHeaders, type Verification, verifyWebhook } from "./signature.ts";
export type { Options } from "./transport.ts";
export * from "./types.ts";
