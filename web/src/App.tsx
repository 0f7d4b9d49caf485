import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useLayoutEffect, useRef } from "react";
import { Navigate, Outlet, Route, Routes, useLocation, useNavigate } from "react-router";

import { farewell } from "./api/session";
import { useSignedIn } from "./lib/useSignedIn";
import { Account } from "./pages/Account";
import { Admin } from "./pages/Admin";
import { Gallery } from "./pages/Gallery";
import { Keys } from "./pages/Keys";
import { NotFound } from "./pages/NotFound";
import { ScenePage } from "./pages/ScenePage";
import { Shared } from "./pages/Shared";
import { SignIn, SignUp } from "./pages/SignIn";
import { Usage } from "./pages/Usage";
import { WebhookPage } from "./pages/WebhookPage";
import { Webhooks } from "./pages/Webhooks";
import { Welcome } from "./pages/Welcome";
import { takeFiles } from "./scene/dropping";
import { followInto } from "./scene/live";
import { add, clear, resume } from "./scene/uploads";
import { Shell } from "./ui/Shell";

/** Which page is where. The gateway serves this application at the same addresses: `gateway/system/static_site_routes.py`. */
export function App(): ReactNode {
  const queries = useQueryClient();
  const signedIn = useSignedIn();
  const held = useRef<File[]>([]);
  useEffect(() => followInto(queries), [queries]);
  const navigate = useNavigate();
  // Before the page is shown: a file dropped on a page that does not listen yet would replace it.
  useLayoutEffect(
    () =>
      takeFiles((files) => {
        if (signedIn) add(files);
        else held.current.push(...files); // they are sent as soon as somebody has signed in
        void navigate(signedIn ? "/" : "/sign-in");
      }),
    [signedIn, navigate],
  );
  const was = useRef(signedIn);
  useEffect(() => {
    if (signedIn) void resume();
    if (signedIn) add(held.current.splice(0));
    if (!signedIn) {
      if (was.current) queries.clear(); // the next person at this browser must not see what the last one saw
      clear();
    }
    was.current = signedIn;
  }, [signedIn, queries]);
  return (
    <Shell>
      <Routes>
        <Route index element={signedIn ? <Gallery /> : <Welcome />} />
        <Route path="sign-in" element={<SignIn />} />
        <Route path="sign-up" element={<SignUp />} />
        <Route path="s/:token" element={<Shared />} />
        <Route element={<SignedIn />}>
          <Route path="scenes/:id" element={<ScenePage />} />
          <Route path="usage" element={<Usage />} />
          <Route path="keys" element={<Keys />} />
          <Route path="webhooks" element={<Webhooks />} />
          <Route path="webhooks/:id" element={<WebhookPage />} />
          <Route path="account" element={<Account />} />
          <Route path="admin/*" element={<Admin />} />
        </Route>
        <Route path="*" element={<NotFound />} />
      </Routes>
    </Shell>
  );
}

/** Pages that need somebody signed in; who is not comes back after signing in, who left sees the first page. */
function SignedIn(): ReactNode {
  const signedIn = useSignedIn();
  const { pathname } = useLocation();
  if (signedIn) return <Outlet />;
  return <Navigate to={farewell() === null ? `/sign-in?back=${encodeURIComponent(pathname)}` : "/"} replace />;
}
