import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { serverVersion } from "../api/system";

const LINKS: [string, string][] = [
  ["/docs", "API documentation"],
  ["/docs/asyncapi", "Kafka topics"],
  ["/docs/openapi.json", "OpenAPI document"],
  ["/health/ready", "Status"],
];

/** What runs here, under which licence, and where it is described. */
export function Footer(): ReactNode {
  const { data } = useQuery({ queryKey: ["version"], queryFn: serverVersion, staleTime: Number.POSITIVE_INFINITY });
  const version = data ?? __VERSION__;
  return (
    <footer className="border-t border-line/60">
      <div className="mx-auto flex w-full max-w-7xl flex-wrap gap-x-6 gap-y-2 px-4 py-6 text-sm text-soft sm:px-8">
        <span>Sharpstream {version}</span>
        {LINKS.map(([to, text]) => (
          <a key={to} href={to} className="rounded underline hover:text-ink">
            {text}
          </a>
        ))}
        <a
          href="https://www.apache.org/licenses/LICENSE-2.0"
          rel="noopener"
          className="rounded underline hover:text-ink"
        >
          Apache-2.0
        </a>
      </div>
    </footer>
  );
}
