import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { BrowserRouter, Route, Routes } from "react-router";

import { App } from "./App";
import { asApiError } from "./api/problem";
import { apply } from "./lib/theme";
import { Embedded } from "./pages/Shared";
import "./styles.css";

/** Only what may pass is asked again by itself: everything else is for the person to see. */
const mayPass = (error: unknown): boolean => {
  const { status, code } = asApiError(error);
  return status === 503 || code === "offline";
};

const queries = new QueryClient({
  defaultOptions: {
    // "always": without a connection a call fails and says so, and is not put off without a word.
    queries: {
      networkMode: "always",
      refetchOnReconnect: true,
      staleTime: 5_000,
      retry: (failures, error) => failures < 2 && mayPass(error),
    },
    mutations: { networkMode: "always" },
  },
});

apply();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <QueryClientProvider client={queries}>
      <BrowserRouter>
        {/* In a frame of another page: nobody is signed in there, and nothing is sent. */}
        <Routes>
          <Route path="embed/:token" element={<Embedded />} />
          <Route path="*" element={<App />} />
        </Routes>
      </BrowserRouter>
    </QueryClientProvider>,
  );
}
