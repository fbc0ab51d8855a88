/** attach, logs, resize. */
import { conflict, invalid } from '../../base/errors.ts';
import { readLog } from '../../oci/log-file.ts';
import type { LogFrame } from '../../oci/log-parser.ts';
import type { RuntimeSession } from '../../oci/attach-session.ts';
import type { EngineContext } from '../engine-context.ts';
import { publishContainerEvent } from './container-events.ts';
import { containerPaths } from './container-paths.ts';
import { isUp } from './container-stop.ts';

interface AttachOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly stream: boolean;
  readonly logs: boolean;
}

interface LogOptions {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  readonly tail: number;
  readonly sinceNs: bigint;
  readonly untilNs: bigint;
}

type Session = Pick<RuntimeSession, 'output' | 'writeStdin' | 'closeStdin' | 'detach'> & { readonly tty: boolean };
type AttachedSession = Session & { readonly stdinOnce: boolean };

export async function attachContainer(context: EngineContext, ref: string, options: AttachOptions): Promise<AttachedSession> {
  const record = context.containers.find(ref);
  if (record.state.status === 'paused') throw conflict(`container ${ref} is paused, unpause the container before attach`);
  if (record.state.status === 'restarting') throw conflict(`container ${ref} is restarting, wait until the container is running`);
  const { tty, openStdin, stdinOnce } = record.spec.process;
  const live: Session | null = !options.stream
    ? null
    : isUp(record)
      ? Object.assign(await context.runtime.attach(record.id, { stdin: options.stdin }), { tty })
      : context.attaches.defer(record.id, { tty, stdin: options.stdin });
  publishContainerEvent(context.events, record, 'attach');
  const wanted = (stream: 'stdout' | 'stderr'): boolean => (stream === 'stdout' ? options.stdout : options.stderr);
  const earlier = options.logs
    ? readLog(containerPaths(context.config.dataRoot, record.id).log, { stdout: options.stdout, stderr: options.stderr, follow: false, tail: -1, sinceNs: 0n, untilNs: 0n })
    : undefined;
  const output = (async function* () {
    if (earlier) for await (const frames of earlier) yield* frames;
    if (live) for await (const frame of live.output) if (wanted(frame.stream)) yield frame;
  })();
  const takesInput = options.stdin && openStdin && live !== null;
  return {
    tty,
    stdinOnce,
    output,
    writeStdin: async (chunk) => (takesInput ? live.writeStdin(chunk) : undefined),
    closeStdin: async () => (takesInput ? live.closeStdin() : undefined),
    detach: () => live?.detach(),
  };
}

export async function readContainerLogs(
  context: EngineContext,
  ref: string,
  options: LogOptions,
  signal: AbortSignal,
): Promise<{ tty: boolean; frames: AsyncIterable<readonly LogFrame[]> }> {
  const record = context.containers.find(ref);
  if (!options.stdout && !options.stderr) throw invalid('Bad parameters: you must choose at least one stream');
  if (record.spec.host.logConfig.type === 'none') throw invalid('configured logging driver does not support reading');
  const follow = options.follow && (isUp(record) || record.state.status === 'restarting' || record.state.status === 'created');
  const ended = follow ? untilOver(context, record.id, signal) : undefined;
  const frames = readLog(containerPaths(context.config.dataRoot, record.id).log, { ...options, follow }, { signal, ...(ended ? { ended } : {}) });
  return { tty: record.spec.process.tty, frames };
}

/** Resolves when the container has ended and is not started again by its policy; when it is removed; when the reader has gone. */
async function untilOver(context: EngineContext, id: string, signal: AbortSignal): Promise<void> {
  do {
    await context.waits.next(id, 'exit', signal).catch(() => {});
  } while (!signal.aborted && context.containers.get(id)?.state.status === 'restarting');
}

export async function resizeContainer(context: EngineContext, ref: string, rows: number, columns: number): Promise<void> {
  const record = context.containers.find(ref);
  if (!isUp(record)) throw conflict(`container ${record.id} is not running`);
  context.runtime.resize(record.id, rows, columns);
}
