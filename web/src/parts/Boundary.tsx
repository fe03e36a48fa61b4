import { Component, type ReactNode } from "react";
import { messageOf } from "../api/client";

interface Props {
  children: ReactNode;
  /** A new one tries again: the address of the page, say. */
  name: string;
}

/** Keeps the rest of the page alive when a part of it fails. */
export class Boundary extends Component<Props, { error: unknown; name: string }> {
  override state = { error: undefined as unknown, name: this.props.name };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  static getDerivedStateFromProps(props: Props, state: { error: unknown; name: string }) {
    return props.name === state.name ? null : { error: undefined, name: props.name };
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <div className="empty" role="alert">
        <p className="problem">This part of the page failed: {messageOf(error)}</p>
        <p>
          <button className="button" onClick={() => location.reload()}>
            Load the page again
          </button>
        </p>
      </div>
    );
  }
}
