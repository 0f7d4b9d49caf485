import { SharpstreamError, type FieldError } from "@sharpstream/client";

/** What every failed call shows: the service's own sentence and code, or `offline` where it was not reached. */
export class ApiError extends SharpstreamError {
  override readonly name = "ApiError";

  /** What is wrong with which field, for the form that asked. */
  override get fields(): FieldError[] {
    return super.fields.map(({ field, message }) => ({ field, message: plain(message) }));
  }

  /** The sentence to show: that of invalid fields without the words of the service's own types. */
  get sentence(): string {
    const { fields } = this;
    if (!fields.length) return this.message;
    return fields.map(({ field, message }) => `${field.replaceAll("_", " ")}: ${message}`).join(" ");
  }

  /** Whether the same request may succeed later. */
  override get mayPass(): boolean {
    return super.mayPass || this.code === "offline";
  }
}

/** Return the error of a request that got no answer at all. */
export function unreachable(): ApiError {
  return new ApiError("offline", "The service cannot be reached. Check your connection; nothing was lost.");
}

/** Return any thrown thing as an error that can be shown. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (!(error instanceof SharpstreamError))
    return new ApiError("unexpected", error instanceof Error ? error.message : String(error));
  return error.code === "unreachable" ? unreachable() : new ApiError(error.code, error.message, error);
}

const RULES: [RegExp, (figure: string) => string][] = [
  [/of length >= (\d+)/, (least) => `at least ${least} characters are needed.`],
  [/of length <= (\d+)/, (most) => `at most ${most} characters are allowed.`],
  [/>= (-?[\d.]+)/, (least) => `at least ${least} is needed.`],
  [/<= (-?[\d.]+)/, (most) => `at most ${most} is allowed.`],
  [/matching regex/, () => "this has not the right form."],
  [/^Expected `/, () => "this has not the right form."],
  [/^Invalid enum value/, () => "this is none of the choices."],
];

/** Return what a field's message means to a person; a sentence already is left as it is. */
export function plain(message: string): string {
  for (const [rule, words] of RULES) {
    const found = rule.exec(message);
    if (found && /^(Expected|Invalid|Object)/.test(message)) return words(found[1] ?? "");
  }
  return message;
}
