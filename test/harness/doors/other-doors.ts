/** The store, programs, sockets that the daemon opens, and its replies. */
import { callersOf, visit, type Fault } from './control.ts';

type Plain = (...args: unknown[]) => unknown;
type Module = Readonly<Record<string, unknown>>;

const failure = (fault: Fault, what: string): Error =>
  Object.assign(new Error(`${fault.code}: injected, ${what}`), {
    code: fault.code,
    errno: -fault.errno,
    syscall: what,
  });

const LMDB_WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'No space left on device',
  EIO: 'Input/output error',
  ENOMEM: 'Cannot allocate memory',
};

/** lmdb: a commit is one act. Its errors carry the errno as a number, and what the C library says of it. */
export function hookLmdb(real: Module): Module {
  const open = (...args: unknown[]): unknown => {
    const root = (real['open'] as Plain)(...args) as { transaction: Plain };
    const transaction = root.transaction;
    root.transaction = function storeCommit(this: unknown, ...more: unknown[]): unknown {
      const fault = visit('store', 'commit', true, callersOf(storeCommit));
      return fault
        ? Promise.reject(Object.assign(new Error(LMDB_WORDS[fault.code] ?? fault.code), { code: fault.errno }))
        : transaction.apply(root, more);
    };
    return root;
  };
  return { ...real, open };
}

export function hookChildProcess(real: Module): Module {
  const spawn = (...args: unknown[]): unknown => {
    const fault = visit('program', String(args[0]).split('/').at(-1)!, true, callersOf(spawn));
    if (fault) throw failure(fault, `spawn ${String(args[0])}`);
    return (real['spawn'] as Plain)(...args);
  };
  return { ...real, spawn };
}

/** Sockets to the resolver, the monitors and whoever else: what is written to them is seen outside. */
export function hookNet(real: Module): Module {
  const connect = (...args: unknown[]): unknown => {
    const socket = (real['createConnection'] as Plain)(...args) as { write: Plain };
    const write = socket.write;
    socket.write = function socketWrite(...more: unknown[]): unknown {
      const fault = visit('socket', 'write', true, callersOf(socketWrite));
      if (!fault) return write.apply(socket, more);
      (socket as unknown as { destroy(error: Error): void }).destroy(failure(fault, 'write'));
      return false;
    };
    return socket;
  };
  return { ...real, createConnection: connect, connect };
}

/** The moment at which all is done and the client has not been told. */
export function hookHttp(real: Module): Module {
  const { prototype } = real['ServerResponse'] as { prototype: { end: Plain } };
  const end = prototype.end;
  prototype.end = function replyEnd(this: unknown, ...args: unknown[]): unknown {
    visit('reply', 'end', true, '');
    return end.apply(this, args);
  };
  return real;
}
