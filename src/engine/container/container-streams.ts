/** attach, logs, resize. */
import { conflict, invalid } from '../../base/errors.ts';
import { cacheDisabled } from '../../model/log-config.ts';
import type { RuntimeSession } from '../../oci/attach-session.ts';
import { readLog } from '../../oci/log-file.ts';
import type { LiveRuntime } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import type { AttachHub } from './attach-hub.ts';
import { publishContainerEvent } from './container-events.ts';
import type { ContainerLogs } from './container-logs.ts';
import { isUp } from './container-stop.ts';
import type { ContainerTable } from './container-table.ts';
import type { ExitWaits } from './exit-waits.ts';
import { notRunning, whileItRuns } from './while-it-runs.ts';
import type { AttachOptions, LogFrame, LogQuery } from '../../model/streams.ts';

export interface LogNeeds {
  readonly logs: Pick<ContainerLogs, 'files' | 'settled'>;
  readonly containers: Pick<ContainerTable, 'find' | 'get'>;
  readonly waits: Pick<ExitWaits, 'next'>;
}

export interface AttachNeeds {
  readonly logs: Pick<ContainerLogs, 'files' | 'settled'>;
  readonly containers: Pick<ContainerTable, 'find' | 'lockedEvenIfGone'>;
  readonly runtime: Pick<LiveRuntime, 'runs' | 'attach'>;
  readonly attaches: Pick<AttachHub, 'defer'>;
  readonly events: EventBus;
}

type Session = Pick<RuntimeSession, 'output' | 'writeStdin' | 'closeStdin' | 'detach'> & { readonly tty: boolean };
type AttachedSession = Session & { readonly stdinOnce: boolean };

export async function attachContainer(
  needs: AttachNeeds,
  ref: string,
  options: AttachOptions,
): Promise<AttachedSession> {
  const record = needs.containers.find(ref);
  if (record.state.status === 'paused')
    throw conflict(`container ${ref} is paused, unpause the container before attach`);
  if (record.state.status === 'restarting')
    throw conflict(`container ${ref} is restarting, wait until the container is running`);
  const { tty, openStdin, stdinOnce } = record.spec.process;
  const live: Session | null = !options.stream
    ? null
    : isUp(record)
      ? Object.assign(
          await whileItRuns(needs, record.id, () => needs.runtime.attach(record.id, { stdin: options.stdin })),
          { tty },
        )
      : needs.attaches.defer(record.id, { tty, stdin: options.stdin });
  publishContainerEvent(needs.events, record, 'attach');
  const wanted = (stream: 'stdout' | 'stderr'): boolean => (stream === 'stdout' ? options.stdout : options.stderr);
  if (options.logs) await needs.logs.settled(record.id);
  const earlier = options.logs
    ? readLog(needs.logs.files(record), {
        stdout: options.stdout,
        stderr: options.stderr,
        follow: false,
        tail: -1,
        sinceNs: 0n,
        untilNs: 0n,
      })
    : undefined;
  let detached = false;
  const output = (async function* () {
    if (earlier) for await (const frames of earlier) yield* frames;
    if (!live) return;
    for await (const frame of live.output) if (wanted(frame.stream)) yield frame;
    // Clients take the end of the output for the end of the container, and look at it: by then that is settled.
    if (!detached) await needs.containers.lockedEvenIfGone(record.id, async () => {});
  })();
  const takesInput = options.stdin && openStdin && live !== null;
  return {
    tty,
    stdinOnce,
    output,
    writeStdin: async (chunk) => (takesInput ? live.writeStdin(chunk) : undefined),
    closeStdin: async () => (takesInput ? live.closeStdin() : undefined),
    detach: () => {
      detached = true;
      live?.detach();
    },
  };
}

export async function readContainerLogs(
  needs: LogNeeds,
  ref: string,
  options: LogQuery,
  signal: AbortSignal,
): Promise<{ tty: boolean; frames: AsyncIterable<readonly LogFrame[]> }> {
  const record = needs.containers.find(ref);
  if (!options.stdout && !options.stderr) throw invalid('Bad parameters: you must choose at least one stream');
  const { type, config } = record.spec.host.logConfig;
  const unread = type === 'none' || ((type === 'journald' || type === 'syslog') && cacheDisabled(config));
  if (unread) throw invalid('configured logging driver does not support reading');
  const follow =
    options.follow && (isUp(record) || record.state.status === 'restarting' || record.state.status === 'created');
  const settled = () => needs.logs.settled(record.id);
  // Before anything is waited for: it may end meanwhile.
  const ended = follow ? untilOver(needs, record.id, signal).then(settled) : undefined;
  await settled();
  const frames = readLog(needs.logs.files(record), { ...options, follow }, { signal, ...(ended ? { ended } : {}) });
  return { tty: record.spec.process.tty, frames };
}

/**
 * Resolves when the container has ended and is not started again by its policy; when it is removed; when the reader has
 * gone.
 */
async function untilOver(needs: LogNeeds, id: string, signal: AbortSignal): Promise<void> {
  do {
    await needs.waits.next(id, 'exit', signal).catch(() => {});
  } while (!signal.aborted && needs.containers.get(id)?.state.status === 'restarting');
}

export async function resizeContainer(
  needs: {
    readonly containers: Pick<ContainerTable, 'find'>;
    readonly runtime: Pick<LiveRuntime, 'resize' | 'runs'>;
    readonly events: EventBus;
  },
  ref: string,
  rows: number,
  columns: number,
): Promise<void> {
  const record = needs.containers.find(ref);
  if (!isUp(record)) throw notRunning(record.id);
  await whileItRuns(needs, record.id, () => needs.runtime.resize(record.id, rows, columns));
  publishContainerEvent(needs.events, record, 'resize', { height: String(rows), width: String(columns) });
}
