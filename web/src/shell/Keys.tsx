import { Dialog } from "../parts/Dialog";
import { COMMANDS, type CommandId, spelled } from "../keys";

const ROWS = Object.entries(COMMANDS) as [CommandId, { title: string; group: string; keys?: string }][];

/** All keys, from the one table. */
export const KeyTable = () =>
  [...Map.groupBy(ROWS.filter(([, { keys }]) => keys), ([, row]) => row.group)].map(([group, commands]) => (
    <section key={group}>
      <h3>{group}</h3>
      <ul>
        {commands.map(([id, { title, keys }]) => (
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
  ));

export const Keys = ({ onClose }: { onClose: () => void }) => (
  <Dialog title="Keys" onClose={onClose}>
    <div className="table" role="group" aria-label="All keys" tabIndex={0}>
      <KeyTable />
    </div>
  </Dialog>
);
