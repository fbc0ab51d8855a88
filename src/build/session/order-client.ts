/**
 * What an order of the classic API has on its client's machine, where that has opened a session: the context and further
 * directories, agents, and a place for the files that were built.
 */
import { invalid } from '../../base/errors.ts';
import type { BuildOrder } from '../../model/build-order.ts';
import type { BuildPhase, SolveWatch } from '../../model/build-watch.ts';
import type { ImageRecord } from '../../model/image.ts';
import type { Builder } from '../builder.ts';
import type { BuildRequest } from '../build-request.ts';
import { AgentSockets } from './agent-sockets.ts';
import { ClientDirectories } from './client-directories.ts';
import { exportFiles } from './export-files.ts';
import type { KeptContexts } from './kept-contexts.ts';
import { namedContexts, once } from './solve-build.ts';

type ClientsParts = Pick<BuildRequest, 'contexts' | 'sshSocket' | 'use' | 'publish'>;

export interface OrderClient extends ClientsParts {
  /** Undefined where it came with the request, or from an address. */
  readonly context: (() => Promise<string>) | undefined;
  readonly release: () => Promise<void>;
}

/** The classic display has steps alone. */
const NO_PHASE: BuildPhase = { status: () => {}, done: () => {}, end: () => {} };
const UNWATCHED: SolveWatch = { report: () => {}, phase: () => NO_PHASE, source: () => {} };

interface Parts {
  readonly builder: Builder;
  readonly kept: KeptContexts;
  readonly signal: AbortSignal;
}

export function orderClient(
  { session, named }: Pick<BuildOrder, 'session' | 'named'>,
  { builder, kept, signal }: Parts,
): OrderClient {
  if (!session)
    return {
      context: undefined,
      contexts: namedContexts(named, async (name) => {
        throw invalid(`the context ${name} is a directory of a client that has no session`);
      }),
      sshSocket: async () => undefined,
      publish: true,
      release: async () => {},
    };
  const { client, hasContext, takesFiles } = session;
  const directories = new ClientDirectories(client, kept, UNWATCHED, signal);
  const work = builder.makeDirectory();
  const agents = new AgentSockets(client, work.path, signal);
  const open = (directory: string): Promise<string> => directories.context(directory, 'load build context', []);
  const send = async (image: ImageRecord): Promise<void> =>
    exportFiles({ image, read: (reading) => builder.read(image, reading) }, 'tar', 0, {
      client,
      phase: NO_PHASE,
      signal,
    });
  return {
    context: hasContext ? once(() => open('context')) : undefined,
    contexts: namedContexts(named, (_, directory) => open(directory)),
    sshSocket: (id, owner) => agents.socketFor(id, owner),
    ...(takesFiles ? { use: send } : {}),
    publish: !takesFiles,
    release: async () => {
      agents.close();
      await directories.release();
      await work.remove();
    },
  };
}
