import { type ReactNode, useEffect, useRef, useState } from "react";

import { Button } from "../ui/Button";
import { Viewer } from "../viewer/Viewer";
import frame from "./cat.json";
import splat from "./cat.spz?url";
import { spares } from "./quiet";
import { CAT } from "./samples";

/** `asked`: by a press, so that how far it is, and a failure, are of interest. */
type Shown = "picture" | "by itself" | "asked";

/**
 * A scene to look into before there is an account: the photo first, and its splat over it once the page is complete
 * and it is in sight. Where data or motion are to be saved, only when it is asked for.
 */
export function LiveSplat(): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const [shown, setShown] = useState<Shown>("picture");
  useEffect(() => (spares() ? undefined : whenCalmAndSeen(box.current, () => setShown("by itself"))), []);
  return (
    <div
      ref={box}
      data-splat={shown}
      style={{ aspectRatio: frame.width / frame.height }}
      className="relative w-full overflow-hidden rounded-3xl bg-stage shadow-lift"
    >
      <img src={CAT.url} alt="" width={frame.width} height={frame.height} className="absolute inset-0 size-full" />
      {shown === "picture" ? (
        <div className="absolute inset-0 grid place-items-center">
          <Button onClick={() => setShown("asked")}>Look into it</Button>
        </div>
      ) : (
        <div
          className={`absolute inset-0 ${shown === "by itself" ? "[&_[data-viewer=failed]]:hidden [&_[data-viewer=loading]]:opacity-0" : ""}`}
        >
          <Viewer fill name={CAT.name} url={splat} frame={frame} photo={CAT.url} preview={CAT.url} />
        </div>
      )}
    </div>
  );
}

/** Call `then` when the page has loaded, has nothing else to do, and `element` is in sight; returns how to stop. */
function whenCalmAndSeen(element: Element | null, then: () => void): () => void {
  let [seen, calm, timer] = [false, false, 0];
  const look = () => seen && calm && then();
  const watching = new IntersectionObserver(([entry]) => {
    seen = !!entry?.isIntersecting;
    look();
  });
  if (element) watching.observe(element);
  const settled = () => {
    calm = true;
    look();
  };
  // Safari has no requestIdleCallback. By then the largest picture is painted, and the splat takes nothing from it.
  const loaded = () => {
    timer =
      "requestIdleCallback" in globalThis
        ? requestIdleCallback(settled, { timeout: 3_000 })
        : window.setTimeout(settled, 1_000);
  };
  if (document.readyState === "complete") loaded();
  else addEventListener("load", loaded, { once: true });
  return () => {
    watching.disconnect();
    removeEventListener("load", loaded);
    if ("cancelIdleCallback" in globalThis) cancelIdleCallback(timer);
    else clearTimeout(timer);
  };
}
