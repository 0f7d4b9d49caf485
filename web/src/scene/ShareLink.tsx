import { lazy, type ReactNode, Suspense, useState } from "react";

import { Button } from "../ui/Button";
import { Copy } from "../ui/Copy";

const QrCode = lazy(() => import("../ui/QrCode"));
type Shown = "embed" | "qr" | null;

/** A link, and what else spreads it: the code for another page, a QR code, the device's own way to share. */
export function ShareLink({ url, embed, name }: { url: string; embed: string | null; name: string }): ReactNode {
  const [shown, setShown] = useState<Shown>(null);
  const toggle = (what: Shown) => setShown(shown === what ? null : what);
  const hand = () => void navigator.share({ title: name, url }).catch(() => undefined); // closed again: nothing to say
  return (
    <div className="grid gap-2">
      <Copy text={url} label="the link" />
      <div className="flex flex-wrap gap-2">
        {"share" in navigator && (
          <Button small icon="share" onClick={hand}>
            Send
          </Button>
        )}
        {embed !== null && (
          <Button small icon="expand" aria-expanded={shown === "embed"} onClick={() => toggle("embed")}>
            Embed
          </Button>
        )}
        <Button small icon="image" aria-expanded={shown === "qr"} onClick={() => toggle("qr")}>
          QR code
        </Button>
      </div>
      {shown === "embed" && embed !== null && (
        <div className="grid gap-1.5">
          <p className="text-sm text-soft">Put this into the HTML of your page:</p>
          <Copy text={embed} label="the code" />
        </div>
      )}
      {shown === "qr" && (
        <Suspense fallback={<p role="status">Drawing…</p>}>
          <QrCode text={url} label="QR code of the link" />
        </Suspense>
      )}
    </div>
  );
}
