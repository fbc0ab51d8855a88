#!/usr/bin/env node
// Writes a program and its compiled form into one file, which src/base/compiled-program.ts describes and runs.
//
//   node scripts/code-file.mjs NAME PATH PLACE     NAME: cli or daemon; PATH: of a bundle for CommonJS, which is replaced;
//                                                  PLACE: where it will be run
//   node scripts/code-file.mjs NAME PATH           anew by this Node: PATH is what another one has written
//
// V8 compiles a function when it is first called. So the program is called here. The command line: with words that many
// others have their code in common with, and with an engine that has one container. The daemon: as far as it gets without
// doing anything, which is what all of its modules do when they are loaded.
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';

const [name, path, place = path] = process.argv.slice(2);
const text = readFileSync(path, 'latin1');
const earlier = /^v[\d.]+ [^|\n]*\|(\d+)\n/.exec(text);
const program = earlier
  ? text.slice(earlier[0].length, earlier[0].length + Number(earlier[1]))
  : `(function (exports, require, module, __filename, __dirname) {${text}\n})`;
const script = new Script(program, { filename: place });

const container = {
  Id: 'c'.repeat(64),
  Names: ['/some'],
  Image: 'busybox',
  ImageID: `sha256:${'1'.repeat(64)}`,
  Command: 'sh',
  Created: 1,
  Ports: [{ IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' }],
  Labels: {},
  State: 'running',
  Status: 'Up 2 hours',
  HostConfig: { NetworkMode: 'bridge' },
  NetworkSettings: { Networks: { bridge: {} } },
  Mounts: [],
};
const engine = createServer((request, response) => {
  const found = request.url.includes('/json');
  response.writeHead(found ? 200 : 404, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(found ? [container] : { message: 'no such thing' }));
});
const directory = mkdtempSync(join(tmpdir(), 'causeway-build-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
// Nothing of the user's who builds: neither contexts nor programs that keep passwords.
for (const name of Object.keys(process.env)) if (/^(DOCKER|CAUSEWAY)_/.test(name)) delete process.env[name];
process.env.HOME = process.env.DOCKER_CONFIG = process.env.CAUSEWAY_CONFIG = directory;
const socket = join(directory, 'engine.sock');
await new Promise((listening) => engine.listen(socket, listening));

const host = ['-H', `unix://${socket}`];
const commandLines = {
  cli: [
    [...host, '--help'],
    [...host, 'ps'],
    [...host, 'ps', '-a'],
    [...host, 'images'],
    [...host, 'run', '--rm', 'busybox', 'true'],
    [...host, 'exec', 'some', 'true'],
  ],
  daemon: [['daemon', '--validate', '--config-file', '/dev/null']],
};
const exit = process.exit;
for (const words of commandLines[name]) {
  process.argv = [process.execPath, place, ...words];
  const module = { exports: {} };
  const ended = new Promise((resolve) => (process.exit = resolve));
  // Where there is nothing to load but what Node has, or for the daemon beside it.
  script.runInThisContext()(module.exports, createRequire(name === 'cli' ? '/' : place), module, place, directory);
  if (name === 'cli') await ended;
  else await new Promise((done) => setTimeout(done, 300));
}
process.exit = exit;

const { size, mtimeMs } = statSync(process.execPath);
const head = `${process.version} ${process.arch} ${size} ${mtimeMs}|${program.length}\n`;
// In one step: somebody may be starting it.
writeFileSync(`${path}.new`, Buffer.concat([Buffer.from(head + program, 'latin1'), script.createCachedData()]));
renameSync(`${path}.new`, path);
process.exit(0);
