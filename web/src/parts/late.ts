import { type ComponentType, createElement, lazy, useState } from "react";

/** A component whose code comes when it is needed, or before: once that was fetched it is drawn at once, whereas what
 *  React's `lazy` has to wait for, however shortly, is drawn 300 ms later at the earliest. */
export function late<Props extends object>(load: () => Promise<{ default: ComponentType<Props> }>) {
  let there: ComponentType<Props> | undefined;
  const Waiting = lazy(load) as unknown as ComponentType<Props>;
  const Late = (props: Props) => {
    const [Drawn] = useState(() => there ?? Waiting);
    return createElement(Drawn, props);
  };
  const fetch = () =>
    load().then(
      (module) => void (there = module.default),
      () => undefined,
    );
  return Object.assign(Late, { fetch });
}
