/** A build that was asked for, from the request to what its exporters did. */
import { invalid, notImplemented } from '../../base/errors.ts';
import type { MessageValue } from '../../wire/protobuf.ts';
import type { solveRequest } from '../../wire/buildkit/control.ts';
import type { ControlBuild, ControlBuilds } from './control-builds.ts';

export interface SolveNeeds {
  readonly builds: ControlBuilds;
  /** Builds that no client steers: from the request to its result. */
  readonly solve: (build: ControlBuild, request: SolveRequest) => Promise<string>;
}

export type SolveRequest = MessageValue<typeof solveRequest>;

/** Resolves to what the exporters tell the client. Whoever watches the build has an end of it, however it comes out. */
export async function runSolve(
  { builds, solve }: SolveNeeds,
  request: SolveRequest,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { ref, session, frontend } = request;
  const build = builds.get(ref);
  if (build.isAsked) throw invalid(`job ID ${ref} exists`);
  const exporters =
    request.exporters.length > 0 || request.exporter === ''
      ? request.exporters
      : [{ kind: request.exporter, attrs: request.exporterAttrs }];
  build.ask({ session, exporters, signal });
  try {
    if (request.definition && request.definition.operations.length > 0)
      throw notImplemented('This builder reads Dockerfiles: it does not take build graphs (LLB) of other frontends.');
    const other = request.cache?.exports.find(({ kind }) => kind !== 'inline');
    if (other) throw notImplemented(`cache exporter ${JSON.stringify(other.kind)} could not be found`);
    const chosen = frontend === '' ? await steered(build, signal) : await solve(build, request);
    return await exported(build, chosen, exporters.length);
  } finally {
    for (const { choose } of build.results.values()) choose(false);
    build.log.end();
    builds.dropLater(ref, build);
  }
}

/** The result that the client chose, which has had it built in calls of its own; '' = none. */
async function steered(build: ControlBuild, signal: AbortSignal): Promise<string> {
  const gone = new Promise<never>((_, reject) => {
    const leave = (): void => reject(invalid('context canceled'));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
  });
  const returned = await Promise.race([build.returned, gone]);
  if ('error' in returned) throw returned.error;
  return returned.ref;
}

async function exported(build: ControlBuild, chosen: string, exporters: number): Promise<ReadonlyMap<string, string>> {
  const responses = new Map<string, string>();
  if (chosen === '') return responses;
  const result = build.results.get(chosen);
  if (!result) throw invalid(`unknown reference ${JSON.stringify(chosen)}`);
  for (let i = 0; i < exporters; i++)
    for (const [key, value] of await result.solved.export(i)) responses.set(key, value);
  result.choose(true);
  await result.over;
  return responses;
}
