/**
 * What no engine on conmon and crun can go below: both alone, from conmon's start to the exit that it writes, with the
 * specification of a container that runs. Run in the mount namespace of that container's conmon; arguments: the
 * container's id, how often. Prints the median in milliseconds.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const [container, runs] = process.argv.slice(2);
const args = readdirSync('/proc')
  .filter((name) => /^\d+$/.test(name))
  .map((pid) => readArguments(pid))
  .find((one) => one[one.indexOf('-c') + 1] === container && one.includes('--exit-dir'));
if (!args) throw new Error(`no conmon of ${container}`);
const of = (flag) => args[args.indexOf(flag) + 1];
const source = JSON.parse(readFileSync(join(of('-b'), 'config.json'), 'utf8'));
delete source.hooks;
source.process.args = ['true'];

const dir = mkdtempSync('/tmp/floor-');
const times = [];
try {
  for (let run = 0; run < Number(runs) + 1; run++) times.push(await once(`floor${run}`));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
const sorted = times.slice(1).sort((a, b) => a - b); // the first has warmed up
process.stdout.write(`${sorted[Math.floor(sorted.length / 2)]}\n`);

async function once(id) {
  const [bundle, root, exits, sockets] = ['bundle', 'state', 'exits', 'sockets'].map((name) => join(dir, id, name));
  for (const path of [bundle, root, exits, sockets]) mkdirSync(path, { recursive: true });
  const cgroupsPath = join(source.linux.cgroupsPath, '..', `${container}-${id}`);
  writeFileSync(join(bundle, 'config.json'), JSON.stringify({ ...source, linux: { ...source.linux, cgroupsPath } }));
  const started = performance.now();
  const conmon = spawn(
    'conmon',
    [
      '--api-version',
      '1',
      '-c',
      id,
      '-u',
      id,
      '-r',
      of('-r'),
      '-b',
      bundle,
      '-p',
      join(bundle, 'pidfile'),
      '--exit-dir',
      exits,
      '-l',
      'none',
      '--socket-dir-path',
      sockets,
      '--runtime-arg',
      '--root',
      '--runtime-arg',
      root,
    ],
    { stdio: ['ignore', 'ignore', 'inherit', 'pipe'], env: { ...process.env, _OCI_SYNCPIPE: '3' } },
  );
  const said = await new Promise((resolve) => {
    conmon.stdio[3].once('data', (chunk) => resolve(String(chunk)));
    conmon.stdio[3].once('end', () => resolve('nothing was said'));
  });
  if (!/"data": [1-9]/.test(said)) throw new Error(`crun: ${said}`);
  const fifo = openSync(join(root, id, 'exec.fifo'), 'w');
  writeSync(fifo, '\0');
  closeSync(fifo);
  while (!existsSync(join(exits, id))) await new Promise((resolve) => setTimeout(resolve, 0.2));
  const ms = performance.now() - started;
  spawnSync('crun', ['--root', root, 'delete', '--force', id]);
  return ms;
}

function readArguments(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it has ended
  }
}
