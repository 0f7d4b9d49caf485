/** What every failed call throws: one class, whose `code` says which error it is. */
import type { components } from "./schema.ts";

type Problem = components["schemas"]["Problem"];

/** What is wrong with which field of a request. */
export type FieldError = { field: string; message: string };

type More = {
  status?: number | undefined;
  correlationId?: string | null | undefined;
  retryAfterMs?: number | null | undefined;
  details?: Record<string, unknown> | null | undefined;
  neverSent?: boolean | undefined;
  cause?: unknown;
};

/**
 * The service refused, failed or cannot be reached. Codes of the service are listed at its `/docs`; the client's own
 * are `unreachable`, `timed_out`, `aborted`, `unexpected_answer`, `download_failed`, `photo_too_large`,
 * `export_failed` and `signature_invalid`.
 */
export class SharpstreamError extends Error {
  /** Stable, for programs. */
  readonly code: string;
  /** Of HTTP; 0 where there was no answer. */
  readonly status: number;
  /** Finds the request in the logs of the service. */
  readonly correlationId: string | null;
  /** How long the service asks to wait. */
  readonly retryAfterMs: number | null;
  readonly details: Record<string, unknown>;
  /** No connection was made, so the service cannot have acted. */
  readonly neverSent: boolean;

  /** `message` is a sentence that says what to do. */
  constructor(code: string, message: string, more: More = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = "SharpstreamError";
    this.code = code;
    this.status = more.status ?? 0;
    this.correlationId = more.correlationId ?? null;
    this.retryAfterMs = more.retryAfterMs ?? null;
    this.details = more.details ?? {};
    this.neverSent = more.neverSent ?? false;
  }

  /** The invalid fields of a request, in the service's words. */
  get fields(): FieldError[] {
    return Array.isArray(this.details.fields) ? (this.details.fields as FieldError[]) : [];
  }

  /** Whether the same request may succeed later: no answer, too many requests, or a service that is busy. */
  get mayPass(): boolean {
    return this.code === "unreachable" || [408, 425, 429, 502, 503, 504].includes(this.status);
  }
}

/** Return the error of an answer whose body was read: a problem, or anything else, such as a proxy's page. */
export function errorOf(status: number, headers: Headers, body: unknown): SharpstreamError {
  const problem = (typeof body === "object" && body !== null ? body : {}) as Partial<Problem>;
  const known = typeof problem.code === "string" && typeof problem.message === "string";
  return new SharpstreamError(
    known ? (problem.code as string) : "unexpected_answer",
    known ? (problem.message as string) : `The service answered ${status} without saying why. Try again.`,
    {
      status,
      correlationId: problem.correlation_id ?? headers.get("X-Correlation-ID"),
      retryAfterMs: retryAfterMs(headers.get("Retry-After")),
      details: problem.details,
    },
  );
}

/** Return the error of a request that got no answer. */
export function unanswered(where: string, cause: unknown, signal: AbortSignal | null | undefined): SharpstreamError {
  if (cause instanceof SharpstreamError) return cause;
  if (signal?.aborted) return new SharpstreamError("aborted", "The request was stopped.", { cause });
  if (cause instanceof Error && cause.name === "TimeoutError") {
    return new SharpstreamError("unreachable", `${where} does not answer. Try again later.`, { cause });
  }
  const message = `${where} cannot be reached. Check the address and your connection.`;
  return new SharpstreamError("unreachable", message, { cause, neverSent: isUnconnected(cause) });
}

/** Node says why a connection failed; other runtimes do not, and then the request counts as sent. */
function isUnconnected(error: unknown): boolean {
  const { code } = ((error as { cause?: unknown } | null)?.cause ?? {}) as { code?: unknown };
  return ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"].includes(String(code));
}

function retryAfterMs(header: string | null): number | null {
  return header !== null && /^\d+$/.test(header) ? Number(header) * 1000 : null;
}
