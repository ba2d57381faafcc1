/** What the host knows of the network. It only hints: a server on this machine answers without one. */
export type Connectivity = {
  online(): boolean;
  /** Calls back when the network comes or goes, or the page wakes; returns how to stop listening. */
  onChange(listener: () => void): () => void;
};

export const ALWAYS_ONLINE: Connectivity = { online: () => true, onChange: () => () => {} };

export function browserConnectivity(target: Window = window): Connectivity {
  return {
    online: () => target.navigator.onLine,
    onChange(listener) {
      const shown = (event: PageTransitionEvent): void => {
        if (event.persisted) listener();
      };
      target.addEventListener('online', listener);
      target.addEventListener('offline', listener);
      target.addEventListener('pageshow', shown);
      return () => {
        target.removeEventListener('online', listener);
        target.removeEventListener('offline', listener);
        target.removeEventListener('pageshow', shown);
      };
    },
  };
}
