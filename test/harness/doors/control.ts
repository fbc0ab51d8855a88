/**
 * Part of the daemon that scripts/build.mjs --hooks builds for tests, and of no other. Every way out of the daemon's
 * process (a "door": C functions, files, the store, programs, sockets that it opens, the replies) tells here what is
 * about to be done. What a killed process leaves depends only on what it did through its doors, so these are all the
 * boundaries at which a kill can make a difference.
 *
 * A control file, read at each visit, says what happens: the visits are listed, or the process is killed at one, or one
 * fails. No file: nothing.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import process from 'node:process';
import type { Order, Visit } from './order.ts';

const read = readFileSync; // the real one: this module is no caller of doors
const append = appendFileSync;
const file = process.env['CAUSEWAY_TEST_ORDER'] ?? '';

let text = '';
let order: Order | undefined;
let counts = new Map<string, number>();

/** Thrown through a door, or turned into what the door's callers expect. */
export interface Fault {
  readonly code: string;
  readonly errno: number;
}

/**
 * Called before something is done at a door. `acts`: it changes something outside of the process; otherwise it only
 * looks, and a kill there is the same as one at the next act. Gives the errno with which it has to fail, if it has to.
 */
export function visit(door: string, what: string, acts: boolean, callers: string): Fault | undefined {
  readOrder();
  if (order === undefined) return undefined;
  const name = `${door}.${what}@${callers}`;
  const n = (counts.get(name) ?? 0) + 1;
  counts.set(name, n);
  if (order.mode === 'list') {
    append(order.output, `${JSON.stringify({ name, n, acts } satisfies Visit)}\n`);
    return undefined;
  }
  if (name !== order.name || n !== order.n) return undefined;
  if (order.mode === 'fault')
    return { code: order.errno, errno: (constants.errno as Record<string, number>)[order.errno] ?? 5 };
  process.kill(process.pid, 'SIGKILL');
  for (;;); // a signal to oneself is there before the call returns; nothing more is done in any case
}

function readOrder(): void {
  let now = '';
  try {
    if (file !== '') now = read(file, 'utf8');
  } catch {
    // There is none.
  }
  if (now === text) return;
  text = now;
  order = now === '' ? undefined : (JSON.parse(now) as Order);
  counts = new Map();
}

/** Functions that everything goes through say nothing about a place. */
const PASSING_ON =
  /^(NetlinkSocket\.|RouteChannel\.|NftSocket\.|#transact|withUndo|Promise|Store\.|StateRoom\.|#run$|KeyedLock\.|context\.log\.|attempt$|execute$|runInNetns|#send$|#receiveAnswer$|#work$)/;

/**
 * Who called the door: the innermost functions of ours that have a name, at most three. `below`: the door's own
 * function.
 */
export function callersOf(below: (...args: never[]) => unknown): string {
  const trace: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 12;
  Error.captureStackTrace(trace, below);
  Error.stackTraceLimit = limit;
  const names = (trace.stack ?? '')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const match = /^\s+at (?:async )?(?:new )?(.+?)(?: \[as ([^\]]+)\])? \((.*)\)$/.exec(line);
      if (!match || match[3]!.startsWith('node:') || /<anonymous>$|^Object\.<anonymous>$|^Promise\.all/.test(match[1]!))
        return [];
      // The bundler numbers functions of one name.
      const name = match[1]!
        .replace(/^Object\./, '')
        .replace(/^_(?=[A-Z])/, '')
        .replace(/(?<=[a-z])\d$/, '');
      return PASSING_ON.test(name) ? [] : [name];
    });
  return names
    .filter((name, index) => name !== names[index - 1])
    .slice(0, 3)
    .join('<');
}
