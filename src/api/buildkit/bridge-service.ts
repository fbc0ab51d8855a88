/**
 * moby.buildkit.v1.frontend.LLBBridge: a client steers a build that it has asked for. It has a Dockerfile built, as often as
 * it likes, and says which of the results is the build's.
 */
import { randomBytes } from 'node:crypto';
import { invalid, notImplemented } from '../../base/errors.ts';
import { decode, encode, type MessageValue } from '../../wire/protobuf.ts';
import {
  bridgeSolveRequest,
  bridgeSolveResponse,
  pong,
  refRequest,
  returnRequest,
} from '../../wire/buildkit/gateway.ts';
import { GrpcError } from '../../base/grpc/grpc-status.ts';
import type { GrpcCall, GrpcMethod } from '../../base/grpc/grpc-server.ts';
import { readSolveOrder, type SolveAsked } from '../map/solve-order.ts';
import type { Backend } from '../backend/system.ts';
import { builtDefinition, builtIn } from './built-definition.ts';
import { BUILD_CAPABILITIES, FRONTEND_CAPABILITIES } from './capabilities.ts';
import type { AskedBuild, ControlBuild, ControlBuilds } from './control-builds.ts';
import type { SolveRequest } from './run-solve.ts';
import { NO_CLIENT } from './no-client.ts';
import type { Sessions } from './sessions.ts';
import { BuildDisplay } from './build-display.ts';
import { workerOf } from './worker.ts';

export interface BridgeNeeds {
  readonly backend: Pick<Backend, 'builds'>;
  readonly builds: ControlBuilds;
  readonly sessions: Sessions;
  readonly version: string;
  readonly explain: (error: unknown) => string;
}

const PREFIX = '/moby.buildkit.v1.frontend.LLBBridge/';

export function bridgeMethods(needs: BridgeNeeds): [string, GrpcMethod][] {
  const { builds, version } = needs;
  const methods: Record<string, GrpcMethod> = {
    Ping: async (call) => {
      await call.only();
      const known = (ids: readonly string[]) => ids.map((id) => ({ id, enabled: true }));
      await call.send(
        encode(pong, {
          frontendCaps: known(FRONTEND_CAPABILITIES),
          llbCaps: known(BUILD_CAPABILITIES),
          workers: [workerOf(version)],
        }),
      );
    },
    Solve: async (call) => {
      const request = decode(bridgeSolveRequest, await call.only());
      const { build, asked } = await builds.asked(nameOf(call), call.signal);
      if (request.frontend === '' && request.definition)
        throw notImplemented('This builder reads Dockerfiles: it does not take build graphs (LLB) of other frontends.');
      const { id, def } = await solve(needs, build, asked, {
        frontend: request.frontend,
        attrs: request.frontendOpt,
        exporters: asked.exporters,
        inputs: inputsOf(request.frontendInputs),
      });
      await call.send(
        encode(bridgeSolveResponse, { result: { refDeprecated: '', ref: { id, def }, metadata: new Map() } }),
      );
    },
    Evaluate: async (call) => {
      const { ref } = decode(refRequest, await call.only());
      const { build } = await builds.asked(nameOf(call), call.signal);
      if (!build.results.has(ref)) throw invalid(`unknown reference ${JSON.stringify(ref)}`);
      await call.send(Buffer.alloc(0));
    },
    Warn: async (call) => {
      await call.only();
      await call.send(Buffer.alloc(0));
    },
    Return: async (call) => {
      const { result, error } = decode(returnRequest, await call.only());
      const { build } = await builds.asked(nameOf(call), call.signal);
      if (error) build.return({ error: new GrpcError(error.code, error.message, error.details) });
      else build.return({ ref: result?.ref?.id || result?.refDeprecated || '' });
      await call.send(Buffer.alloc(0));
    },
  };
  return Object.entries(methods).map(([name, method]) => [PREFIX + name, method]);
}

/**
 * For a client that steers nothing: it asks for a Dockerfile's build alone. Resolves to the result's name. `archive`: the
 * context, where it has sent that along.
 */
export async function solveAlone(
  needs: BridgeNeeds,
  build: ControlBuild,
  { frontend, frontendAttrs }: Pick<SolveRequest, 'frontend' | 'frontendAttrs'>,
  archive?: AsyncIterable<Buffer>,
): Promise<string> {
  const asked = await build.asked;
  const { exporters } = asked;
  const order = { frontend, attrs: frontendAttrs, exporters, inputs: new Map<string, string>(), archive };
  return (await solve(needs, build, asked, order)).id;
}

/** A build's name stands in the headers of the calls that steer it. */
function nameOf({ headers }: GrpcCall): string {
  const name = headers['buildkit-controlapi-buildid'];
  if (typeof name !== 'string') throw invalid('the call does not say which build it is for');
  return name;
}

function inputsOf(inputs: MessageValue<typeof bridgeSolveRequest>['frontendInputs']): ReadonlyMap<string, string> {
  return new Map(
    [...inputs].map(([name, definition]) => {
      const built = definition && builtIn(definition);
      if (built === undefined)
        throw notImplemented('This builder reads Dockerfiles: it does not take build graphs (LLB) of other frontends.');
      return [name, built];
    }),
  );
}

/** Resolves when it is built: it stays until the build that it is part of is over. */
async function solve(
  { backend, sessions, explain }: BridgeNeeds,
  build: ControlBuild,
  { session, signal }: AskedBuild,
  request: SolveAsked,
): Promise<{ readonly id: string; readonly def: ReturnType<typeof builtDefinition> }> {
  const order = readSolveOrder(request);
  const left = new AbortController();
  const opened = session === '' ? undefined : await sessions.get(session, signal);
  void opened?.ended.then(() => left.abort());
  const client = opened ?? NO_CLIENT;
  const together = AbortSignal.any([signal, left.signal]);
  const id = randomBytes(16).toString('hex');
  return await new Promise((resolve, reject) => {
    const watch = new BuildDisplay(build.vertices, explain);
    const over = backend.builds.solve(order, client, watch, together, async (solved) => {
      await new Promise<void>((go, leave) => {
        const choose = (isChosen: boolean): void =>
          isChosen ? go() : leave(invalid('another result was chosen, or none'));
        build.results.set(id, { solved, choose, over });
        resolve({ id, def: builtDefinition(solved.imageId) });
      });
    });
    over.catch((error: unknown) => reject(watch.located(error)));
  });
}
