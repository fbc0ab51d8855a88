#!/usr/bin/env node
// Writes a program and its compiled form into one file, which src/cli/start.ts describes and runs.
//
//   node scripts/code-file.mjs PATH PLACE     PATH: of a bundle for CommonJS, which is replaced; PLACE: where it will be run
//
// V8 compiles a function when it is first called. So the program is called here, with command lines that many others
// have their code in common with, and with an engine that has one container.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';

const [path, place] = process.argv.slice(2);
const program = `(function (exports, require, module, __filename, __dirname) {${readFileSync(path, 'latin1')}\n})`;
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

const commandLines = [
  ['--help'],
  ['ps'],
  ['ps', '-a'],
  ['images'],
  ['run', '--rm', 'busybox', 'true'],
  ['exec', 'some', 'true'],
];
const exit = process.exit;
for (const words of commandLines) {
  process.argv = [process.execPath, place, '-H', `unix://${socket}`, ...words];
  const module = { exports: {} };
  const ended = new Promise((resolve) => (process.exit = resolve));
  script.runInThisContext()(module.exports, createRequire('/'), module, place, directory);
  await ended;
}
process.exit = exit;

const { size, mtimeMs } = statSync(process.execPath);
const head = `${process.version} ${process.arch} ${size} ${mtimeMs}|${program.length}\n`;
writeFileSync(path, Buffer.concat([Buffer.from(head + program, 'latin1'), script.createCachedData()]));
process.exit(0);
