/** Passes the signals that this process gets on to the container. */
import type { ApiClient } from '../api/client.ts';
import { complain } from '../terminal/output.ts';

// Not SIGCHLD, SIGPIPE and SIGURG, which are about this process; not SIGWINCH, which arrives as a resize.
const SIGNALS = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGCONT',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
] as const;

/** A container that does not end, or a daemon that does not answer, must not keep the user here. */
const TERMINATIONS_TO_LEAVE = 3;

/** Returns how to stop. */
export function proxySignals(client: ApiClient, containerId: string): () => void {
  let terminations = 0;
  const forward = (signal: string) => {
    if ((signal === 'SIGINT' || signal === 'SIGTERM') && ++terminations === TERMINATIONS_TO_LEAVE) {
      complain(`\ngot ${TERMINATIONS_TO_LEAVE} SIGTERM/SIGINTs, forcefully exiting`);
      process.exit(1);
    }
    client.done('POST', `/containers/${containerId}/kill`, { query: { signal: signal.slice(3) } }).catch(() => {});
  };
  for (const signal of SIGNALS) process.on(signal, forward);
  return () => {
    for (const signal of SIGNALS) process.off(signal, forward);
  };
}
