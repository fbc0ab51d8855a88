/** Tells the daemon the size of the local terminal, now and whenever it changes. */
import type { WriteStream } from 'node:tty';
import type { ApiClient } from '../api/client.ts';
import { complain } from '../terminal/output.ts';
import { isTerminal, openTerminal } from '../terminal/terminal-device.ts';

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

let output: WriteStream | undefined;

export function terminalSize(): TerminalSize | undefined {
  if (!isTerminal(1)) return undefined;
  output ??= openTerminal(1);
  const [columns, rows] = output.getWindowSize();
  return { rows, columns };
}

const ATTEMPTS = 10;

/** `path` is /containers/ID or /exec/ID. The first attempts may come before the TTY exists: they are repeated. */
export function followTerminalSize(client: ApiClient, path: string): void {
  const resize = async (): Promise<boolean> => {
    output = undefined;
    const size = terminalSize();
    if (!size) return true;
    try {
      await client.done('POST', `${path}/resize`, { query: { h: size.rows, w: size.columns } });
      return true;
    } catch {
      return false;
    }
  };
  void (async () => {
    for (let attempt = 0; attempt <= ATTEMPTS; attempt++) {
      if (await resize()) return;
      await new Promise((wake) => setTimeout(wake, (attempt + 1) * 10).unref());
    }
    complain('failed to resize tty, using default size');
  })();
  process.on('SIGWINCH', () => void resize());
}
