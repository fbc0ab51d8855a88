/** `node:fs` and `node:fs/promises` as a door: every function is visited, those that change something as acts. */
import { callersOf, visit, type Fault } from './control.ts';

type Plain = (...args: unknown[]) => unknown;
type Module = Readonly<Record<string, unknown>>;

const ACTS =
  /^(appendFile|chmod|chown|copyFile|cp|fchmod|fchown|ftruncate|futimes|lchmod|lchown|link|lutimes|mkdir|mkdtemp|rename|rm|rmdir|symlink|truncate|unlink|utimes|write|writeFile|writev)$/;
const LOOKS =
  /^(access|close|fdatasync|fstat|fsync|lstat|open|opendir|read|readdir|readFile|readlink|realpath|stat|statfs)$/;
const HANDLE = [
  'appendFile',
  'chmod',
  'chown',
  'datasync',
  'read',
  'readFile',
  'stat',
  'sync',
  'truncate',
  'utimes',
  'write',
  'writeFile',
  'writev',
];

export function hookFs(real: Module, door: 'fs' | 'fs.promises'): Module {
  const hooked = Object.fromEntries(
    Object.entries(real).map(([name, value]) => [
      name,
      typeof value === 'function' ? hookFunction(door, name, value as Plain) : value,
    ]),
  );
  if (door === 'fs.promises') hooked['open'] = hookOpen(hooked['open'] as Plain);
  return hooked;
}

function hookFunction(door: string, name: string, real: Plain): Plain {
  const base = name.replace(/Sync$/, '');
  if (!ACTS.test(base) && !LOOKS.test(base)) return real;
  const fsCall = (...args: unknown[]): unknown => {
    const acts = ACTS.test(base) || (base === 'open' && opensToWrite(args[1]));
    const fault = visit('fs', base, acts, callersOf(fsCall));
    if (!fault) return real(...args);
    const error = fsError(fault, base, args[0]);
    if (door === 'fs.promises') return Promise.reject(error);
    const done = args.at(-1);
    if (base === name && typeof done === 'function') return void process.nextTick(done as Plain, error);
    throw error;
  };
  // With what promisify looks for, which does not enumerate.
  return Object.defineProperties(fsCall, Object.getOwnPropertyDescriptors(real));
}

/** The handles that it gives are doors too. */
function hookOpen(open: Plain): Plain {
  let patched = false;
  const fsOpen = async (...args: unknown[]): Promise<unknown> => {
    const handle = (await open(...args)) as object;
    if (!patched) patchHandles(Object.getPrototypeOf(handle) as Record<string, Plain>);
    patched = true;
    return handle;
  };
  return fsOpen;
}

function patchHandles(prototype: Record<string, Plain>): void {
  for (const name of HANDLE) {
    const real = prototype[name];
    if (!real) continue;
    prototype[name] = function fsHandleCall(this: unknown, ...args: unknown[]): unknown {
      const acts = /^(appendFile|chmod|chown|truncate|utimes|write|writeFile|writev)$/.test(name);
      const fault = visit('fs', `handle.${name}`, acts, callersOf(fsHandleCall));
      return fault ? Promise.reject(fsError(fault, name, undefined)) : real.apply(this, args);
    };
  }
}

function opensToWrite(flags: unknown): boolean {
  return typeof flags === 'number' ? (flags & 0o1103) !== 0 : typeof flags === 'string' && flags !== 'r';
}

function fsError(fault: Fault, syscall: string, path: unknown): Error {
  const where = typeof path === 'string' ? ` '${path}'` : '';
  return Object.assign(new Error(`${fault.code}: injected, ${syscall}${where}`), {
    code: fault.code,
    errno: -fault.errno,
    syscall,
    ...(where === '' ? {} : { path }),
  });
}
