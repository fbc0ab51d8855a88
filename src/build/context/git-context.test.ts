import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fetchRepository, repositoryOf } from './git-context.ts';

let directory: string;
let server: Server;
let address: string;
/** Git's oldest way over HTTP: a server of files, which can give nothing but everything. */
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'git-'));
  const work = join(directory, 'work');
  mkdirSync(join(work, 'sub'), { recursive: true });
  writeFileSync(join(work, 'Dockerfile'), 'FROM scratch\n');
  writeFileSync(join(work, 'sub', 'file'), 'x');
  symlinkSync('/etc', join(work, 'out'));
  const git = (...args: string[]): void =>
    void execFileSync('git', ['-C', work, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { stdio: 'ignore' });
  git('init', '-b', 'main');
  git('add', '.');
  git('commit', '-m', 'first');
  git('tag', 'v1');
  execFileSync('git', ['clone', '-q', '--bare', work, join(directory, 'repo.git')], { stdio: 'ignore' });
  execFileSync('git', ['-C', join(directory, 'repo.git'), 'update-server-info']);
  server = createServer((request, response) => {
    const path = join(directory, new URL(request.url ?? '/', 'http://x').pathname);
    if (!existsSync(path) || !statSync(path).isFile()) return void response.writeHead(404).end();
    createReadStream(path).pipe(response.writeHead(200));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/repo.git`;
});
after(() => {
  server?.close();
  rmSync(directory, { recursive: true, force: true });
});

let targets = 0;

async function fetched(remote: string): Promise<string[]> {
  const into = join(directory, `context-${targets++}`);
  mkdirSync(into);
  await fetchRepository(repositoryOf(remote)!, into, new AbortController().signal);
  return readdirSync(into).sort();
}

test('a repository is told by its address', () => {
  for (const remote of ['git://a/b', 'git@a.b:c/d', 'github.com/a/b', 'https://a/b.git#x:y', 'ssh://a/b'])
    assert.ok(repositoryOf(remote), remote);
  for (const remote of ['https://a/b.tar', 'https://a/b', 'a/b', 'file:///a.git'])
    assert.equal(repositoryOf(remote), undefined);
  assert.deepEqual(repositoryOf('github.com/a/b#v1:dir'), {
    address: 'https://github.com/a/b',
    ref: 'v1',
    directory: 'dir',
  });
});

test('branches, tags and directories are fetched, and what git itself keeps is no part of it', async () => {
  assert.deepEqual(await fetched(address), ['Dockerfile', 'out', 'sub']);
  assert.deepEqual(await fetched(`${address}#v1`), ['Dockerfile', 'out', 'sub']);
  assert.deepEqual(await fetched(`${address}#main:sub`), ['file']);
  assert.deepEqual(await fetched(`${address}#main:../..`), ['Dockerfile', 'out', 'sub']);
});

test('a commit is told by its id, and what git itself keeps stays where it is asked for', async () => {
  const into = join(directory, `context-${targets++}`);
  mkdirSync(into);
  const { signal } = new AbortController();
  const commit = await fetchRepository(repositoryOf(address)!, into, signal, { keepGitDir: true });
  const log = execFileSync('git', ['-C', into, 'log', '--format=%H %s'], {
    encoding: 'utf8',
    env: { ...process.env, GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' },
  });
  assert.equal(log.trim(), `${commit} first`);
  assert.equal(
    execFileSync('git', ['-C', join(directory, 'repo.git'), 'rev-parse', 'v1'], { encoding: 'utf8' }).trim(),
    commit,
  );
});

test('no link of the repository leads out of it, and no reference is an option', async () => {
  await assert.rejects(fetched(`${address}#main:out`), /does not exist|not a directory/);
  await assert.rejects(fetched(`${address}#--upload-pack=touch`), /invalid git reference/);
  await assert.rejects(fetched(`${address}#nothing`), /failed to fetch remote/);
});
