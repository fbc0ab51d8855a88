/** Image builds, of which there are none yet: what has been cached by them is always nothing, and the rest is refused. */
import { notImplemented } from '../../base/errors.ts';
import type { BuildPrunedJson } from '../../wire/image.ts';
import { asksForHttp2, refuseCallsBack, refuseGrpc } from '../refused-grpc.ts';
import type { Handler, RouteTable } from '../route-table.ts';

const NO_BUILD =
  'This engine does not build images: build them elsewhere and use "docker load", "docker import" or "docker pull".';

export function addBuildRoutes(routes: RouteTable): void {
  const refuse: Handler = () => {
    throw notImplemented(NO_BUILD);
  };
  routes.add('POST', '/build', refuse);
  routes.add('POST', '/build/cancel', refuse);
  // `docker system prune` asks for it, and fails as a whole where it is refused.
  routes.add('POST', '/build/prune', (call) =>
    call.reply(200, { CachesDeleted: null, SpaceReclaimed: 0 } satisfies BuildPrunedJson),
  );
  // BuildKit's clients open a session for the engine to call them back, and call the engine: the call says why not.
  routes.add('POST', '/session', (call) => (asksForHttp2(call) ? refuseCallsBack(call) : refuse(call)));
  routes.add('POST', '/grpc', (call) => (asksForHttp2(call) ? refuseGrpc(call, NO_BUILD) : refuse(call)));
}
