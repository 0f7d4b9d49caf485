import type { ReactNode } from "react";

import { ButtonLink } from "../ui/Button";
import { Page } from "../ui/Page";
import { Empty } from "../ui/states";

type Props = { title?: string; words?: string };

export function NotFound({ title = "Nothing here", words = "There is no page at this address" }: Props): ReactNode {
  return (
    <Page title={title}>
      <Empty icon="search" title={words}>
        <ButtonLink to="/">To your scenes</ButtonLink>
      </Empty>
    </Page>
  );
}
