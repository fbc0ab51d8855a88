// A registry that serves one image; run by node inside the namespace of the engine that pulls.
//
//   registry.mjs PORT DIR NAME
//
// DIR holds the blobs under their digests (`sha256:...`) and `manifest.json`, which is served under every tag.
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [port, dir, name] = process.argv.slice(2);
const manifest = readFileSync(join(dir, 'manifest.json'));
const { mediaType } = JSON.parse(manifest.toString());
const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;

createServer((request, response) => {
  const path = new URL(request.url, 'http://registry').pathname;
  if (path === '/v2/') return response.end('{}');
  if (path.startsWith(`/v2/${name}/manifests/`)) {
    const headers = { 'content-type': mediaType, 'docker-content-digest': digest, 'content-length': manifest.length };
    return response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : manifest);
  }
  const blob = new RegExp(`^/v2/${name}/blobs/(sha256:[0-9a-f]{64})$`).exec(path)?.[1];
  const size = blob && statSync(join(dir, blob), { throwIfNoEntry: false })?.size;
  if (size === undefined) return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size });
  if (request.method === 'HEAD') return response.end();
  return createReadStream(join(dir, blob), { highWaterMark: 1 << 20 }).pipe(response);
}).listen(Number(port), '127.0.0.1', () => console.log('listening'));
