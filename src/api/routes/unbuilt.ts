/** What this engine does not have: swarm answers like a node outside any swarm, the rest reports what is missing. */
import { notFound, notImplemented, unavailable } from '../../base/errors.ts';
import type { Handler, RouteTable } from '../route-table.ts';

// Scanners and `docker info` ask; it is no failure of the engine, and the log does not fill with it.
const answer503 =
  (message: string): Handler =>
  (call) =>
    call.reply(503, { message });

const notManager = answer503(
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
);
const notInSwarm = answer503('This node is not part of a swarm');

function missing(sentence: string): Handler {
  return () => {
    throw notImplemented(sentence);
  };
}

const SWARM_OBJECTS = ['nodes', 'services', 'tasks', 'secrets', 'configs'];

export function addUnbuiltRoutes(routes: RouteTable): void {
  for (const object of SWARM_OBJECTS) {
    routes.add('GET', `/${object}`, notManager);
    routes.add('GET', `/${object}/:id`, notManager);
    routes.add('GET', `/${object}/:id/logs`, notManager);
    routes.add('DELETE', `/${object}/:id`, notManager);
    routes.add('POST', `/${object}/create`, notManager);
    routes.add('POST', `/${object}/:id/update`, notManager);
  }
  routes.add('GET', '/swarm', notManager);
  routes.add('GET', '/swarm/unlockkey', notManager);
  routes.add('POST', '/swarm/update', notManager);
  routes.add('POST', '/swarm/leave', notInSwarm);
  routes.add('POST', '/swarm/unlock', notInSwarm);
  const noSwarm = missing('This engine has no swarm mode: it runs containers on one host.');
  routes.add('POST', '/swarm/init', noSwarm);
  routes.add('POST', '/swarm/join', noSwarm);

  const noPlugins = missing('This engine has no plugins.');
  routes.add('GET', '/plugins', (call) => call.reply(200, []));
  routes.add('GET', '/plugins/privileges', noPlugins);
  // There is none of any name: `docker inspect` counts on the 404 to look elsewhere.
  const noSuchPlugin: Handler = (call) => {
    throw notFound(`plugin ${JSON.stringify(call.name)} not found`);
  };
  routes.add('GET', '/plugins/:name/json', noSuchPlugin);
  routes.add('DELETE', '/plugins/:name', noSuchPlugin);
  for (const action of ['pull', 'create']) routes.add('POST', `/plugins/${action}`, noPlugins);
  for (const action of ['enable', 'disable', 'push', 'upgrade', 'set'])
    routes.add('POST', `/plugins/:name/${action}`, noSuchPlugin);

  const noCheckpoints = missing('This engine does not checkpoint containers.');
  routes.add('GET', '/containers/:name/checkpoints', noCheckpoints);
  routes.add('POST', '/containers/:name/checkpoints', noCheckpoints);

  routes.add(
    'GET',
    '/images/search',
    missing(
      'This engine does not search registries: look for images on the page of the registry (https://hub.docker.com/search), and pull them by name.',
    ),
  );
  routes.add('PUT', '/volumes/:name', () => {
    throw unavailable('volume update only valid for cluster volumes, but swarm is unavailable');
  });
}
