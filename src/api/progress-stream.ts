/**
 * A stream of JSON lines that tells how long work goes. Headers go out with the first line, so that work which fails
 * at once still gets a status; later failures are a line of their own, as Docker's clients expect. With
 * `failuresInStream` all are.
 */
import { errorMessage } from '../base/errors.ts';
import { visibleText } from '../base/control-characters.ts';
import type { ProgressJson } from '../wire/image.ts';
import type { Call } from './call.ts';
import type { ProgressMessage } from '../model/registry.ts';

const MAX_UNREAD_BYTES = 256 * 1024;

export async function streamProgress(
  call: Call,
  work: (report: (message: ProgressMessage) => void) => Promise<void>,
  { failuresInStream = false } = {},
): Promise<void> {
  const { response } = call;
  const report = (message: ProgressMessage) => {
    if (response.destroyed) return;
    // A client that does not read misses how far it is, and in the end what was done.
    if (response.writableLength > (message.progressDetail ? MAX_UNREAD_BYTES : 16 * MAX_UNREAD_BYTES)) return;
    if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'application/json' });
    response.write(`${JSON.stringify(withBar(message))}\r\n`);
  };
  try {
    await work(report);
  } catch (error) {
    if (!response.headersSent) {
      if (!failuresInStream) throw error;
      response.writeHead(200, { 'Content-Type': 'application/json' });
    }
    call.log.debug(
      { path: call.loggedPath, error: errorMessage(error) },
      'work failed after its first line of progress',
    );
    const message = visibleText((call.options.explain ?? errorMessage)(error));
    response.write(`${JSON.stringify({ errorDetail: { message }, error: message } satisfies ProgressJson)}\r\n`);
  }
  if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end();
}

/** Clients that draw nothing themselves print the `progress` text. */
function withBar(message: ProgressMessage): ProgressJson {
  const { current, total } = message.progressDetail ?? {};
  if (current === undefined) return message as ProgressJson;
  return { ...(message as ProgressJson), progress: progressText(current, total ?? 0) };
}

function progressText(current: number, total: number): string {
  if (total <= 0 || current > total) return sizeText(current);
  const done = Math.floor((current / total) * 50);
  const bar = `${'='.repeat(done)}>`.slice(0, 50).padEnd(50, ' ');
  return `[${bar}]  ${sizeText(current)}/${sizeText(total)}`;
}

/** Four significant digits at most, decimal units: '12.34MB'. */
function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(4))}${units[unit]}`;
}
