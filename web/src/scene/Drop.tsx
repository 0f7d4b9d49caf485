import { type ReactNode, useRef } from "react";

import { Button } from "../ui/Button";
import { Icon } from "../ui/icons";
import { useHeldOver } from "./dropping";
import { add } from "./uploads";

const TYPES = "image/jpeg,image/png,image/webp,image/heic,image/heif,image/avif,image/tiff,.heic,.heif";

/** Takes photos: dropped anywhere on the page, pasted, or picked. */
export function Drop({ large }: { large: boolean }): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  const over = useHeldOver();
  return (
    <div
      className={`grid place-items-center rounded-3xl border-2 border-dashed text-center transition-colors ${over ? "border-accent bg-accent-wash" : "border-line bg-card"} ${large ? "gap-5 px-6 py-20" : "gap-3 px-5 py-3.5 sm:flex sm:justify-between sm:text-left"}`}
    >
      <div className={large ? "grid justify-items-center gap-4" : "flex items-center gap-4"}>
        <span
          className={`grid shrink-0 place-items-center rounded-full bg-accent-wash text-accent ${large ? "size-18" : "size-10"}`}
        >
          <Icon name="image" className={large ? "size-8" : "size-6"} />
        </span>
        <div className="grid gap-1">
          <p className={large ? "text-2xl font-semibold tracking-tight" : "text-lg font-semibold"}>
            {over ? "Drop to upload" : large ? "Drop your first photo here" : "Drop photos anywhere"}
          </p>
          <p className={`text-sm text-soft ${large ? "max-w-md" : ""}`}>
            …or paste or choose them, several at once. JPEG, PNG, WebP, HEIC, AVIF or TIFF, up to 50 MB each.
          </p>
        </div>
      </div>
      <Button look="main" icon="plus" onClick={() => input.current?.click()}>
        Choose photos
      </Button>
      <input
        ref={input}
        type="file"
        accept={TYPES}
        multiple
        tabIndex={-1}
        aria-label="Photos"
        className="sr-only"
        onChange={(event) => {
          add(event.target.files ?? []);
          event.target.value = "";
        }}
      />
    </div>
  );
}
