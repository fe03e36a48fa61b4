import type { Session } from "../api/gen";
import { Menu } from "../parts/Menu";
import { nameOf, useSessionActions } from "./actions";

/** The menu of one session. */
export function SessionMenu({ session, rename }: { session: Session; rename?: () => void }) {
  const { menu } = useSessionActions();
  return (
    <Menu label={`Actions: ${nameOf(session)}`} items={menu(session, rename)}>
      ⋯
    </Menu>
  );
}
