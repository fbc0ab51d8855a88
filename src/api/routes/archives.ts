/** Files of containers: cp, export, commit. */
import { invalid, notFound } from '../../base/errors.ts';
import { configSchema } from '../../wire/container-create.ts';
import { parseBody } from '../../wire/parse-body.ts';
import type { IdJson } from '../../wire/system.ts';
import { MAX_PROCESS_JSON_BYTES, type Call } from '../call.ts';
import { repoTagReference } from '../named-image.ts';
import type { RouteTable } from '../route-table.ts';
import { validateConfig } from '../validate-config.ts';
import { configChanges } from '../map/config-changes.ts';
import { sendTar } from '../tar-stream.ts';
import type { PathStat } from '../../model/path-stat.ts';

export function addArchiveRoutes(routes: RouteTable): void {
  routes.add('HEAD', '/containers/:name/archive', statPath);
  routes.add('GET', '/containers/:name/archive', getArchive);
  routes.add('PUT', '/containers/:name/archive', putArchive);
  routes.add('GET', '/containers/:name/export', exportContainer);
  routes.add('POST', '/commit', commitContainer);
}

function pathOf(call: Call): string {
  const path = call.query.text('path');
  if (path === '') throw invalid('bad parameter: pathcannot be empty'); // Docker's own slip
  return path;
}

function statHeader(stat: PathStat): string {
  const { name, size, mode, mtime, linkTarget } = stat;
  return Buffer.from(JSON.stringify({ name, size, mode, mtime, linkTarget })).toString('base64');
}

async function statPath(call: Call): Promise<void> {
  const stat = await call.backend.archives.statPath(call.name, pathOf(call));
  call.response.writeHead(200, { 'X-Docker-Container-Path-Stat': statHeader(stat) });
  call.response.end();
}

async function getArchive(call: Call): Promise<void> {
  const { stat, tar } = await call.backend.archives.getArchive(call.name, pathOf(call));
  await sendTar(call, tar, { 'X-Docker-Container-Path-Stat': statHeader(stat) });
}

async function putArchive(call: Call): Promise<void> {
  const { query } = call;
  await call.backend.archives.putArchive(call.name, pathOf(call), call.request, {
    noOverwriteDirNonDir: query.flag('noOverwriteDirNonDir'),
    copyUidGid: query.flag('copyUIDGID'),
  });
  call.replyEmpty(200);
}

async function exportContainer(call: Call): Promise<void> {
  await sendTar(call, await call.backend.archives.exportRootfs(call.name));
}

async function commitContainer(call: Call): Promise<void> {
  const { query } = call;
  const body = await call.jsonText({ maxBytes: MAX_PROCESS_JSON_BYTES });
  const config = body.trim() === '' ? undefined : parseBody(configSchema, 'container.CreateRequest', body);
  if (config) validateConfig(config);
  const container = query.text('container');
  if (container === '') throw notFound('No such container: ');
  const reference = repoTagReference(query.text('repo'), query.text('tag'));
  const colon = reference.lastIndexOf(':');
  const id = await call.backend.archives.commit(container, {
    repo: reference.slice(0, Math.max(0, colon)),
    tag: colon === -1 ? '' : reference.slice(colon + 1),
    comment: query.text('comment'),
    author: query.text('author'),
    pause: query.flag('pause', true),
    // A config in the body weighs less than `changes`: both become Dockerfile lines, in that order.
    changes: [...(config ? configChanges(config) : []), ...query.texts('changes')],
  });
  call.reply(201, { Id: id } satisfies IdJson);
}
