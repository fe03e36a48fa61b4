import { Dialog } from "../parts/Dialog";
import { COMMANDS, type CommandId, spelled } from "../keys";

/** All keys, from the one table. */
export function Keys({ onClose }: { onClose: () => void }) {
  const rows = Object.entries(COMMANDS) as [CommandId, { title: string; group: string; keys?: string }][];
  return (
    <Dialog title="Keys" onClose={onClose}>
      {[...Map.groupBy(rows, ([, row]) => row.group)].map(([group, commands]) => (
        <section key={group}>
          <h3>{group}</h3>
          <ul>
            {commands
              .filter(([, { keys }]) => keys)
              .map(([id, { title, keys }]) => (
                <li key={id} className="row">
                  <span className="grow">{title}</span>
                  <span>
                    {spelled(keys!).map((key, index) => (
                      <kbd key={index}>{key}</kbd>
                    ))}
                  </span>
                </li>
              ))}
          </ul>
        </section>
      ))}
    </Dialog>
  );
}
