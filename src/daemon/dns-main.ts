/**
 * The entry of the resolver process, `causeway-dns`: `dns-main --socket PATH [--idle-ms N] [--version V]
 * [--take-over]`. It belongs to no terminal and to no daemon: it is found again through its socket, goes on answering
 * while the daemon is dead, and ends when a daemon says `quit`, or by itself when it serves no container and no daemon
 * has been there for a while.
 */
import { parseArgs } from 'node:util';
import { errorMessage } from '../base/errors.ts';
import { BLOCKED_MESSAGE, LoopWatchdog } from '../base/loop-watchdog.ts';
import { ControlClient } from '../dns/control-client.ts';
import { ControlServer } from '../dns/control-server.ts';
import { createLineLog } from '../dns/log.ts';
import { Resolver, type HandOver } from '../dns/resolver.ts';
import { copyForeignDescriptors } from '../kernel/foreign-descriptor.ts';
import { giveBackWhenQuiet } from './quiet-memory.ts';
import { createResolverSockets } from './dns-sockets.ts';

const DEFAULT_IDLE_MS = 30_000;
const CHECK_EVERY_MS = 5_000;
/** Three servers of 4 s each, the longest that a question takes. */
const DRAIN_LIMIT_MS = 13_000;

const { values } = parseArgs({
  options: {
    socket: { type: 'string' },
    'idle-ms': { type: 'string' },
    version: { type: 'string', default: '' },
    'take-over': { type: 'boolean', default: false },
  },
});
const log = createLineLog(2);
new LoopWatchdog((block) => log.warn(BLOCKED_MESSAGE, { ...block }));
giveBackWhenQuiet();

async function main(): Promise<void> {
  if (values.socket === undefined) throw new Error('--socket is required');
  const idleMs = Number(values['idle-ms'] ?? DEFAULT_IDLE_MS);
  let idle: NodeJS.Timeout | undefined;
  process.title = 'causeway-dns';
  const resolver = new Resolver(createResolverSockets(log), log);
  const end = (reason: string): void => {
    log.info(`ending: ${reason}`);
    control?.close();
    resolver.close();
    process.exit(0);
  };
  const before = values['take-over'] ? await takeOver(resolver, values.socket) : undefined;
  const control = await ControlServer.listen({
    path: values.socket,
    resolver,
    version: values.version,
    replace: before !== undefined,
    quit: () => end('the daemon said so'),
    inherit: (state) => inherit(resolver, state),
    released: () => {
      if (idle) clearInterval(idle);
      void resolver.drain(DRAIN_LIMIT_MS).then(() => end('another resolver has taken over'));
    },
  });
  if (control === undefined) return log.info('another resolver is already there', { socket: values.socket });
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => {}); // Ctrl-C in the terminal of the daemon is not meant for this process
  process.on('SIGHUP', () => {});
  process.on('uncaughtException', (error) => log.warn('unexpected error', { error: error.stack }));
  process.on('unhandledRejection', (error) => log.warn('unexpected rejection', { error: errorMessage(error) }));
  log.info('started', { pid: process.pid, socket: values.socket });
  if (before) {
    await before.request({ op: 'release' });
    before.close();
  }

  let aloneSince = performance.now();
  idle = setInterval(
    () => {
      if (control.daemonIsHere) {
        aloneSince = performance.now();
        return;
      }
      resolver.removeVanished();
      if (!control.canBeFound) return end('the control socket was removed');
      if (resolver.sandboxCount > 0) aloneSince = performance.now();
      if (performance.now() - aloneSince >= idleMs) end('nothing to do');
    },
    Math.min(CHECK_EVERY_MS, idleMs),
  );
}

/** Goes on with the sockets of the resolver that serves at `path`; undefined if there is none. */
async function takeOver(resolver: Resolver, path: string): Promise<ControlClient | undefined> {
  let client: ControlClient;
  try {
    client = await ControlClient.connect(path);
  } catch {
    return undefined;
  }
  try {
    inherit(resolver, await client.request({ op: 'hand-over' }));
    return client;
  } catch (error) {
    client.close(); // the other one goes on
    throw error;
  }
}

function inherit(resolver: Resolver, state: HandOver): void {
  const fds = state.sandboxes.flatMap(({ sockets }) => [sockets.udpFd, sockets.tcpFd]);
  const copies = copyForeignDescriptors(state.pid, fds);
  const byNumber = new Map(fds.map((fd, index) => [fd, copies[index]!]));
  resolver.takeOver(state, (fd) => byNumber.get(fd)!);
}

main().catch((error: unknown) => {
  log.warn('cannot start', { error: errorMessage(error) });
  process.exitCode = 1;
});
