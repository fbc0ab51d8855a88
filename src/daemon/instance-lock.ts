/** One daemon per pid file and per data root. A file whose process is gone, or is another program by now, is stale. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, conflict } from '../base/errors.ts';

/** Takes the file or throws, naming who holds it; the result gives it back. */
export function takeInstanceLock(path: string): () => void {
  mkdirSync(dirname(path), { recursive: true });
  const mine = `${process.pid} ${startTime(process.pid)}\n`;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(path, mine, { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    const [pid = '', started = ''] = read(path).split(/\s+/);
    // A pid alone may have been given to another process since.
    if (pid !== '' && pid !== String(process.pid) && startTime(Number(pid)) === started) {
      throw conflict(`failed to start daemon, ensure causeway is not running or delete ${path}: process with PID ${pid} is still running`);
    }
    rmSync(path, { force: true });
  }
  throw conflict(`failed to start daemon: ${path} is being taken by another daemon`);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** In clock ticks since boot; '' when there is no such process. */
function startTime(pid: number): string {
  const stat = read(`/proc/${pid}/stat`);
  // The command's name may contain blanks and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
