import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";
import { Link, type LinkProps } from "react-router";

import { Icon, type IconName } from "./icons";

type Look = "main" | "quiet" | "plain" | "danger";
type Own = { look?: Look; icon?: IconName; small?: boolean };

const SHAPE =
  "inline-flex items-center justify-center gap-2 rounded-full font-medium whitespace-nowrap transition-colors disabled:opacity-55";
const LOOKS: Record<Look, string> = {
  main: "bg-accent text-on-accent hover:bg-accent/88",
  quiet: "border border-line bg-card text-ink hover:bg-wash",
  plain: "text-ink hover:bg-wash",
  danger: "border border-line bg-card text-bad hover:bg-bad-wash",
};

/** Return the classes of what looks like a button. */
export const shape = ({ look = "quiet", small = false }: Own): string =>
  `${SHAPE} ${LOOKS[look]} ${small ? "min-h-9 px-3.5 text-sm" : "min-h-11 px-5"}`;

export function Button({
  look,
  icon,
  small,
  busy = false,
  children,
  className = "",
  ...rest
}: Own & ButtonHTMLAttributes<HTMLButtonElement> & { busy?: boolean; ref?: Ref<HTMLButtonElement> }): ReactNode {
  return (
    <button
      type="button"
      {...rest}
      disabled={rest.disabled || busy}
      aria-busy={busy || undefined}
      className={`${shape({ ...(look && { look }), ...(small && { small }) })} ${className}`}
    >
      {icon && <Icon name={icon} className={small ? "size-4.5" : "size-5"} />}
      {children}
    </button>
  );
}

/** A link that looks like a button, because it leads somewhere. */
export function ButtonLink({ look, icon, small, children, className = "", ...rest }: Own & LinkProps): ReactNode {
  return (
    <Link {...rest} className={`${shape({ ...(look && { look }), ...(small && { small }) })} ${className}`}>
      {icon && <Icon name={icon} />}
      {children}
    </Link>
  );
}

/** A round button with a sign; `label` is what it says. */
export function IconButton({
  icon,
  label,
  className = "",
  ...rest
}: { icon: IconName; label: string } & ButtonHTMLAttributes<HTMLButtonElement>): ReactNode {
  return (
    <button
      type="button"
      title={label}
      aria-label={label}
      {...rest}
      className={`inline-grid size-11 place-items-center rounded-full transition-colors disabled:opacity-50 ${className}`}
    >
      <Icon name={icon} />
    </button>
  );
}
