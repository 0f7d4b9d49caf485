import type { ReactNode } from "react";

import { ButtonLink } from "../ui/Button";
import { Page } from "../ui/Page";
import { Empty } from "../ui/states";

export function NotFound(): ReactNode {
  return (
    <Page title="Nothing here">
      <Empty icon="search" title="There is no page at this address">
        <ButtonLink to="/">To your scenes</ButtonLink>
      </Empty>
    </Page>
  );
}
