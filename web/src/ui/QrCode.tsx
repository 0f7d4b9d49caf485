import qrcode from "qrcode-generator";
import type { ReactNode } from "react";

/** A text as a square that a phone's camera reads. Black on white in both themes, or cameras do not find it. */
export default function QrCode({ text, label }: { text: string; label: string }): ReactNode {
  const code = qrcode(0, "M"); // the smallest size that fits; a seventh of it may be dirty
  code.addData(text);
  code.make();
  const count = code.getModuleCount();
  const cells = Array.from({ length: count * count }, (_, n) => [n % count, Math.floor(n / count)] as const);
  const dark = cells.filter(([x, y]) => code.isDark(y, x)).map(([x, y]) => `M${x + 4} ${y + 4}h1v1h-1z`);
  const side = count + 8; // four modules of margin, as ISO 18004 wants
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${side} ${side}`}
      shapeRendering="crispEdges"
      className="w-full max-w-60 rounded-2xl border border-line bg-white"
    >
      <path d={dark.join("")} fill="#000" />
    </svg>
  );
}
