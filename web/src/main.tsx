import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";

import { App } from "./App";
import { asApiError } from "./api/problem";
import { apply } from "./lib/theme";
import "./styles.css";

/** Only what may pass is asked again by itself: everything else is for the person to see. */
const mayPass = (error: unknown): boolean => {
  const { status } = asApiError(error);
  return status === 0 || status === 503;
};

const queries = new QueryClient({
  defaultOptions: { queries: { staleTime: 5_000, retry: (failures, error) => failures < 2 && mayPass(error) } },
});

apply();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <QueryClientProvider client={queries}>
      <BrowserRouter>
        <App />
      </BrowserRouter>
    </QueryClientProvider>,
  );
}
