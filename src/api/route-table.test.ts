import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteTable } from './route-table.ts';
import { createRoutes } from './routes/all.ts';

test('the longest tail wins, and names may hold slashes', () => {
  const table = new RouteTable();
  const seen: string[] = [];
  for (const path of ['/a', '/a/json', '/a/:name', '/a/:name/json', '/a/:name/b/json'])
    table.add('GET', path, () => void seen.push(path));
  const find = (path: string) => {
    const match = table.find('GET', path);
    void match?.handler(undefined as never);
    return match ? `${seen.at(-1)} ${match.name}`.trim() : undefined;
  };
  assert.equal(find('/a'), '/a');
  assert.equal(find('/a/json'), '/a/json');
  assert.equal(find('/a/x'), '/a/:name x');
  assert.equal(find('/a/x/y/json'), '/a/:name/json x/y');
  assert.equal(find('/a/x/b/json'), '/a/:name/b/json x');
  assert.equal(find('/a//json'), '/a/:name /json');
  assert.equal(find('/a/'), undefined);
  assert.equal(find('/b/x'), undefined);
  assert.equal(table.find('POST', '/a'), undefined);
});

test('every route of Docker has an answer', () => {
  const routes = createRoutes();
  const paths = `
    GET /_ping | HEAD /_ping | GET /version | GET /info | GET /events | GET /system/df | POST /auth | GET /containers/json | POST /containers/create
    GET /containers/x/json | GET /containers/x/top | GET /containers/x/logs | GET /containers/x/changes | GET /containers/x/export
    GET /containers/x/stats | POST /containers/x/resize | POST /containers/x/start | POST /containers/x/stop | POST /containers/x/restart
    POST /containers/x/kill | POST /containers/x/update | POST /containers/x/rename | POST /containers/x/pause | POST /containers/x/unpause
    POST /containers/x/attach | GET /containers/x/attach/ws | POST /containers/x/wait | DELETE /containers/x | HEAD /containers/x/archive
    GET /containers/x/archive | PUT /containers/x/archive | POST /containers/prune | POST /containers/x/exec | POST /exec/x/start
    POST /exec/x/resize | GET /exec/x/json | GET /images/json | POST /images/create | POST /build | POST /build/prune | GET /images/x/json
    GET /images/x/history | POST /images/x/push | POST /images/x/tag | DELETE /images/x | GET /images/search | POST /images/prune
    POST /commit | GET /images/x/get | GET /images/get | POST /images/load | GET /networks | GET /networks/x | DELETE /networks/x
    POST /networks/create | POST /networks/x/connect | POST /networks/x/disconnect | POST /networks/prune | GET /volumes | POST /volumes/create
    GET /volumes/x | PUT /volumes/x | DELETE /volumes/x | POST /volumes/prune | GET /plugins | POST /plugins/pull | GET /swarm | POST /swarm/init
    POST /swarm/join | POST /swarm/leave | POST /swarm/update | GET /swarm/unlockkey | POST /swarm/unlock | GET /nodes | GET /nodes/x
    GET /services | POST /services/create | GET /services/x/logs | GET /tasks | GET /secrets | POST /secrets/create | GET /configs
    POST /configs/x/update | GET /distribution/x/json | POST /session | POST /grpc`;
  for (const route of paths.split(/[|\n]/)) {
    const [method, path] = route.trim().split(' ');
    if (method && path) assert.ok(routes.find(method, path), route);
  }
});
