/**
 * One daemon per pid file, per data root, per exec root and per network: two would take each other's containers,
 * bridges and rules for orphans. All of these locks go with the process, so that nothing has to be cleared up after a
 * crash.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { conflict, errorCode } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { keepAccepting } from './keep-accepting.ts';
import { lockFile } from '../kernel/file-lock.ts';
import { hasOurNamespace, hasOurRoot } from '../kernel/process.ts';
import { unixSocketHolder } from '../kernel/port-holder.ts';
import { makeDirectory } from './directories.ts';

/** Takes the file, which then has this process's pid, or throws naming the holder; the result gives it back. */
export function takeInstanceLock(path: string): () => void {
  makeDirectory(dirname(path));
  for (;;) {
    const fd = openSync(path, 'a+', 0o644);
    if (!lockFile(fd)) {
      const holder = readFileSync(fd, 'utf8').split(/\s/)[0];
      closeSync(fd);
      throw conflict(
        `failed to start daemon, ensure causeway is not running or delete ${path}: ${holder ? `process with PID ${holder}` : 'a process'} is still running`,
      );
    }
    // The process that released it meanwhile has removed the file that was opened here.
    if (fstatSync(fd).ino !== statSync(path, { throwIfNoEntry: false })?.ino) {
      closeSync(fd);
      continue;
    }
    notePid(fd);
    return () => {
      rmSync(path, { force: true });
      closeSync(fd);
    };
  }
}

/** For a process that finds the lock taken. A disk without a byte does not keep a daemon from its containers. */
function notePid(fd: number): void {
  ftruncateSync(fd);
  try {
    writeSync(fd, `${process.pid}\n`);
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '')) throw error;
  }
}

/** Abstract, so it is the network namespace's and needs no file. */
const NETWORK_SOCKET = '\0causeway/network';

/** Whether a daemon manages the network that this process is in. */
export function networkIsManaged(): boolean {
  const holder = unixSocketHolder(`@${NETWORK_SOCKET.slice(1)}`);
  return holder !== undefined && noDaemon(holder.pid) === undefined;
}

/**
 * Why a process that has the name cannot be a daemon that manages this network; undefined: it can. A container with the
 * host's network may take any name.
 */
function noDaemon(pid: number): string | undefined {
  try {
    if (statSync(`/proc/${pid}`).uid !== 0) return 'of another user than root';
    return hasOurNamespace(pid, 'pid') && hasOurNamespace(pid, 'user') && hasOurRoot(pid)
      ? undefined
      : 'in a container';
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (['ENOENT', 'ESRCH'].includes(code)) return 'that has ended';
    if (['EACCES', 'EPERM'].includes(code)) return undefined; // no permission to read it
    throw error;
  }
}

/**
 * Takes the network namespace that this process is in. A socket of that name that a container or a user other than root
 * holds is ignored.
 * @throws conflict when another daemon manages this network
 */
export async function takeNetworkLock(log: Log): Promise<() => void> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(NETWORK_SOCKET, resolve);
    });
  } catch (error) {
    if (errorCode(error) !== 'EADDRINUSE') throw error;
    const holder = unixSocketHolder(`@${NETWORK_SOCKET.slice(1)}`);
    const stranger = holder && noDaemon(holder.pid);
    if (stranger !== undefined) {
      log.warn(
        { pid: holder!.pid, program: holder!.program },
        `a process ${stranger} holds the name that marks the managing daemon`,
      );
      return () => {};
    }
    const who = holder ? ` (PID ${holder.pid})` : '';
    throw conflict(
      `failed to start daemon: another daemon${who} manages the network of this network namespace; stop it, or start this one in a network namespace of its own: ip netns add NAME, then nsenter --net=/run/netns/NAME causeway daemon ...`,
    );
  }
  keepAccepting(server, log);
  return () => void server.close();
}
