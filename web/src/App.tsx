import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useLayoutEffect, useRef } from "react";
import { Navigate, Outlet, Route, Routes, useLocation, useNavigate } from "react-router";

import { farewell } from "./api/session";
import { useSignedIn } from "./lib/useSignedIn";
import { Account } from "./pages/Account";
import { Admin } from "./pages/Admin";
import { Albums } from "./pages/Albums";
import { ExportsPage } from "./pages/ExportsPage";
import { Gallery } from "./pages/Gallery";
import { Keys } from "./pages/Keys";
import { NotFound } from "./pages/NotFound";
import { ScenePage } from "./pages/ScenePage";
import { Shared } from "./pages/Shared";
import { ConfirmEmail, ForgotPassword, ResetPassword } from "./pages/Passwords";
import { SharedAlbum, SharedAlbumScene } from "./pages/SharedAlbum";
import { SignIn } from "./pages/SignIn";
import { SignUp } from "./pages/SignUp";
import { Usage } from "./pages/Usage";
import { WebhookPage } from "./pages/WebhookPage";
import { Webhooks } from "./pages/Webhooks";
import { Welcome } from "./pages/Welcome";
import { takeFiles } from "./scene/dropping";
import { followInto } from "./scene/live";
import { clear, resume } from "./scene/uploads";
import { send, sendWaiting } from "./scene/waiting";
import { Shell } from "./ui/Shell";

/** Which page is where. The gateway serves this application at the same addresses: `gateway/system/static_site_routes.py`. */
export function App(): ReactNode {
  const queries = useQueryClient();
  const signedIn = useSignedIn();
  useEffect(() => followInto(queries), [queries]);
  const navigate = useNavigate();
  // Before the page is shown: a file dropped on a page that does not listen yet would replace it.
  useLayoutEffect(() => takeFiles((files) => void navigate(send(files, signedIn))), [signedIn, navigate]);
  const was = useRef(signedIn);
  useEffect(() => {
    if (signedIn) void resume();
    if (signedIn) sendWaiting();
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
        <Route path="register" element={<SignUp />} />
        <Route path="forgot-password" element={<ForgotPassword />} />
        <Route path="reset-password" element={<ResetPassword />} />
        <Route path="confirm-email" element={<ConfirmEmail />} />
        <Route path="s/:token" element={<Shared />} />
        <Route path="a/:token" element={<SharedAlbum />} />
        <Route path="a/:token/:position" element={<SharedAlbumScene />} />
        <Route element={<SignedIn />}>
          <Route path="scenes/:id" element={<ScenePage />} />
          <Route path="exports" element={<ExportsPage />} />
          <Route path="albums" element={<Albums />} />
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
