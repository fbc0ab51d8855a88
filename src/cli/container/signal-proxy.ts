/** Passes the signals that this process gets on to the container. */
import type { ApiClient } from '../api/client.ts';

// Not SIGCHLD, SIGPIPE and SIGURG, which are about this process; not SIGWINCH, which arrives as a resize.
const SIGNALS = [
  'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCONT', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU',
] as const;

/** Returns how to stop. */
export function proxySignals(client: ApiClient, containerId: string): () => void {
  const forward = (signal: string) => {
    client.done('POST', `/containers/${containerId}/kill`, { query: { signal: signal.slice(3) } }).catch(() => {});
  };
  for (const signal of SIGNALS) process.on(signal, forward);
  return () => {
    for (const signal of SIGNALS) process.off(signal, forward);
  };
}
