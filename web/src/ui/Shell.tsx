import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Link, NavigationType, NavLink, useLocation, useNavigationType } from "react-router";

import { me } from "../api/account";
import { useOnline } from "../lib/useOnline";
import { useSignedIn } from "../lib/useSignedIn";
import { ButtonLink, IconButton } from "./Button";
import { Footer } from "./Footer";
import mark from "./icon.svg";
import { Icon, type IconName } from "./icons";

const PLACES: [string, string, IconName][] = [
  ["/", "Scenes", "image"],
  ["/exports", "Exports", "download"],
  ["/albums", "Albums", "share"],
  ["/usage", "Usage", "chart"],
  ["/keys", "API keys", "key"],
  ["/webhooks", "Webhooks", "hook"],
  ["/account", "Account", "person"],
];

/** What surrounds every page: the way to the content, the mark, the places. */
export function Shell({ children }: { children: ReactNode }): ReactNode {
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const first = useRef(true);
  const way = useNavigationType();
  useEffect(() => {
    // A new page begins at its top, for readers of screens too; the first one, and one come back to, where the browser
    // puts it.
    if (!first.current) {
      if (way !== NavigationType.Pop) scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
    first.current = false;
  }, [pathname, way]);
  return (
    <>
      <a
        href="#content"
        className="sr-only z-50 rounded-full bg-accent px-5 py-3 text-on-accent focus:not-sr-only focus:fixed focus:top-3 focus:left-3"
      >
        Skip to the content
      </a>
      <Header />
      <Offline />
      <main id="content" ref={main} tabIndex={-1} className="outline-none">
        {children}
      </main>
      <Footer />
    </>
  );
}

function Offline(): ReactNode {
  const online = useOnline();
  return (
    <div role="status">
      {!online && (
        <p className="bg-warm px-4 py-2 text-center text-sm text-paper">
          You are offline. Photos wait here and are sent when the connection is back.
        </p>
      )}
    </div>
  );
}

function Header(): ReactNode {
  const signedIn = useSignedIn();
  return (
    <header className="sticky top-0 z-30 border-b border-line/60 bg-paper/88 backdrop-blur-lg">
      <div className="mx-auto flex h-16 w-full max-w-7xl items-center justify-between gap-4 px-4 sm:px-8">
        <Link to="/" className="flex items-center gap-2.5 rounded-lg text-lg font-semibold tracking-tight">
          <img src={mark} alt="" className="size-8" /> Sharpstream
        </Link>
        {signedIn ? (
          <Places />
        ) : (
          <ButtonLink small to="/sign-in">
            Sign in
          </ButtonLink>
        )}
      </div>
    </header>
  );
}

function Places(): ReactNode {
  const { data } = useQuery({ queryKey: ["me"], queryFn: me, staleTime: 60_000 });
  const [openAt, setOpenAt] = useState<string | null>(null);
  const { pathname } = useLocation();
  const open = openAt === pathname; // another page closes it
  const setOpen = (now: boolean) => setOpenAt(now ? pathname : null);
  const places = data?.role === "admin" ? [...PLACES, ["/admin", "Admin", "shield"] as const] : PLACES;
  return (
    <>
      <IconButton
        icon={open ? "close" : "menu"}
        label="Menu"
        aria-expanded={open}
        aria-controls="places"
        onClick={() => setOpen(!open)}
        className="-mr-2 hover:bg-wash lg:hidden"
      />
      <nav
        id="places"
        aria-label="Main"
        onKeyDown={(event) => event.key === "Escape" && setOpen(false)}
        className={`${open ? "grid" : "hidden"} absolute inset-x-0 top-16 gap-1 border-b border-line bg-paper p-3 shadow-lift lg:static lg:flex lg:border-0 lg:bg-transparent lg:p-0 lg:shadow-none`}
      >
        {places.map(([to, text, icon]) => (
          <NavLink
            key={to}
            to={to}
            end={to === "/"}
            className="flex min-h-11 items-center gap-3 rounded-full px-4 text-soft transition-colors hover:bg-wash hover:text-ink aria-[current=page]:bg-wash aria-[current=page]:font-medium aria-[current=page]:text-ink lg:min-h-9 lg:px-3.5 lg:text-sm"
          >
            <Icon name={icon} className="size-5 lg:hidden" />
            {text}
          </NavLink>
        ))}
      </nav>
    </>
  );
}
