import { Component, type ReactNode } from 'react';
import { Button } from './button.tsx';
import { common } from './words.ts';

/** Where a part of the page fails or cannot be fetched: what to do, in place of nothing at all. */
export class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="session-card">
        <h1>{common.pageFailed}</h1>
        <p>{common.pageFailedWhat}</p>
        <Button onClick={() => location.reload()}>{common.reload}</Button>
      </main>
    );
  }
}
