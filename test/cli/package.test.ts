/** Packages: what is in them, and that it works where they put it. scripts/try-packages.sh installs them in other systems. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  chmodSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

const root = join(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'causeway-packages-'));
const made = join(directory, 'made');
const installed = join(directory, 'installed');
const text = (program: string, ...args: string[]): string => execFileSync(program, args, { encoding: 'utf8' });
const fileOf = (pattern: RegExp): string =>
  join(
    made,
    readdirSync(made).find((name) => pattern.test(name))!,
  );

const hasDpkg = spawnSync('dpkg-deb', ['--version']).error === undefined;

describe(
  'packages',
  { skip: (process.arch !== 'x64' && 'they are made on x64') || (!hasDpkg && 'there is no dpkg-deb') },
  () => {
    before(() => {
      text(process.execPath, join(root, 'scripts/package.mjs'), '--output', made, '--version', '1.2.3', '--built');
      text('dpkg-deb', '-x', fileOf(/^causeway_/), installed);
    });
    after(() => rmSync(directory, { recursive: true, force: true }));

    it("are three: the engine, its place in Docker's stead, and an archive", () => {
      assert.deepEqual(readdirSync(made).toSorted(), [
        'causeway-1.2.3-linux-amd64.tar.gz',
        'causeway-docker_1.2.3_all.deb',
        'causeway_1.2.3_amd64.deb',
      ]);
    });

    it('have a command that works where it lies, and all that belongs to it', () => {
      assert.match(text(join(installed, 'usr/bin/causeway'), '--version'), /^Causeway version /);
      for (const path of [
        'usr/lib/systemd/system/causeway.service',
        'usr/share/man/man1/causeway-network-create.1.gz',
        'usr/share/bash-completion/completions/causeway',
        'usr/share/zsh/vendor-completions/_causeway',
        'usr/share/fish/vendor_completions.d/causeway.fish',
        'usr/share/doc/causeway/copyright',
        'etc/causeway/daemon.json',
      ])
        assert.ok(existsSync(join(installed, path)), path);
      assert.match(
        readFileSync(join(installed, 'usr/lib/systemd/system/causeway.service'), 'utf8'),
        /^ExecStart=\/usr\/bin\/causeway daemon$/m,
      );
    });

    it('have a daemon that finds its native parts and takes its settings', () => {
      const settings = join(installed, 'etc/causeway/daemon.json');
      const { status, stdout, stderr } = spawnSync(
        join(installed, 'usr/bin/causeway'),
        ['daemon', '--validate', '--config-file', settings],
        { encoding: 'utf8' },
      );
      assert.deepEqual([status, stdout + stderr], [0, 'configuration OK\n']);
    });

    it('use the Node of causeway-node where that is installed', () => {
      const own = join(installed, 'usr/lib/causeway-node/bin');
      text('mkdir', '-p', own);
      writeFileSync(join(own, 'node'), '#!/bin/sh\necho "own node: $*"\n');
      chmodSync(join(own, 'node'), 0o755);
      assert.match(text(join(installed, 'usr/bin/causeway'), 'ps'), /^own node: -- .*cli\.cjs ps$/m);
      rmSync(own, { recursive: true });
    });

    it('compile their programs anew for another Node, and these work', () => {
      const program = join(installed, 'usr/lib/causeway/dist/cli.code');
      const whole = readFileSync(program, 'latin1');
      const [head = ''] = whole.split('\n', 1);
      writeFileSync(program, whole.replace(head, head.replace(/^\S+ \S+ \d+/, 'v18.0.0 x64 1')), 'latin1');
      const script = join(installed, 'usr/lib/causeway/scripts/code-file.mjs');
      text(process.execPath, script, 'cli', program);
      const again = readFileSync(program, 'latin1').split('\n', 1)[0]!;
      assert.equal(again, head);
      assert.match(text(join(installed, 'usr/bin/causeway'), '--version'), /^Causeway version /);
    });

    it('have scripts without mistakes that a shell would find, and modes of their own', () => {
      const control = join(directory, 'control');
      text('dpkg-deb', '-e', fileOf(/^causeway_/), control);
      for (const name of ['postinst', 'prerm', 'postrm']) {
        text('sh', '-n', join(control, name));
        assert.equal(statSync(join(control, name)).mode & 0o777, 0o755);
      }
      assert.equal(readFileSync(join(control, 'conffiles'), 'utf8'), '/etc/causeway/daemon.json\n');
      const listing = text('dpkg-deb', '-c', fileOf(/^causeway_/));
      assert.deepEqual(
        [
          ...new Set(
            listing
              .trim()
              .split('\n')
              .map((line) => line.slice(0, 10)),
          ),
        ].toSorted(),
        ['-rw-r--r--', '-rwxr-xr-x', 'drwxr-xr-x', 'lrwxrwxrwx'],
      );
      assert.doesNotMatch(listing, /\.ts$|musl|\.test\./m);
    });

    it('of one commit are the same bytes', () => {
      const again = join(directory, 'again');
      text(process.execPath, join(root, 'scripts/package.mjs'), '--output', again, '--version', '1.2.3', '--built');
      for (const name of readdirSync(made).filter((one) => one !== 'causeway_1.2.3_amd64.deb' && !one.endsWith('.gz')))
        assert.ok(readFileSync(join(made, name)).equals(readFileSync(join(again, name))), name);
    });

    it('with the archive install below a prefix, twice, and work there', () => {
      text('tar', '-xzf', fileOf(/\.tar\.gz$/), '-C', directory);
      const prefix = join(directory, 'prefix');
      text('mkdir', prefix);
      for (const _ of [1, 2])
        assert.match(
          text('sh', join(directory, 'causeway-1.2.3-linux-amd64/install.sh'), prefix),
          /^install: Causeway version /m,
        );
      assert.match(text(join(prefix, 'bin/causeway'), '--version'), /^Causeway version /);
      assert.deepEqual(readdirSync(join(prefix, 'lib')), ['causeway']);
    });

    it('refuse a version that is none', () => {
      const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/package.mjs'), '--version', 'x y'], {
        encoding: 'utf8',
      });
      assert.deepEqual(
        [status, stderr],
        [1, "package: 'x y' is no version of a package: digits first, then letters, digits, '.', '+' and '~'\n"],
      );
    });
  },
);
