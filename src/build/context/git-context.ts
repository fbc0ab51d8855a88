/**
 * Contexts from git, by the `git` program: only over the network, without anything that the host or the repository has
 * configured, and without asking anybody.
 */
import { randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, systemError } from '../../base/errors.ts';
import { runProgram } from '../../base/program.ts';
import { openSource } from '../../image/trees/tree-sources.ts';

export interface GitRepository {
  readonly address: string;
  /** A branch, a tag, a commit; '' = whatever is the default there. */
  readonly ref: string;
  /** The directory in it that is the context; '' = all. */
  readonly directory: string;
}

const PATIENCE_MS = 10 * 60_000;

/** As Docker tells them: 'git://', 'git@', 'github.com/', and what ends in '.git'. Undefined where it is none. */
export function repositoryOf(remote: string): GitRepository | undefined {
  const [address = '', fragment = ''] = remote.split(/#(.*)/s);
  const isGit =
    /^(git|ssh):\/\//i.test(address) ||
    /^git@[\w.-]+:/.test(address) ||
    /^github\.com\//i.test(address) ||
    /^https?:\/\/.*\.git$/i.test(address);
  if (!isGit) return undefined;
  const [ref = '', directory = ''] = fragment.split(/:(.*)/s);
  return { address: /^github\.com\//i.test(address) ? `https://${address}` : address, ref, directory };
}

/** Resolves to the id of the commit. `keepGitDir`: what git itself keeps stays, unless only a directory is wanted. */
export async function fetchRepository(
  repository: GitRepository,
  into: string,
  signal: AbortSignal,
  { keepGitDir = false } = {},
): Promise<string> {
  const { address, ref, directory } = repository;
  let printed = '';
  if (ref.startsWith('-') || address.startsWith('-')) throw invalid(`invalid git reference: ${ref}`);
  const git = async (...args: string[]): Promise<string | undefined> => {
    const result = await runProgram('git', ['-c', 'core.symlinks=true', '-c', 'core.hooksPath=/dev/null', ...args], {
      cwd: into,
      signal,
      timeoutMs: PATIENCE_MS,
      withChildren: true, // those that talk to the server
      env: {
        PATH: process.env['PATH'],
        HOME: into,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_TERMINAL_PROMPT: '0',
        GIT_ALLOW_PROTOCOL: 'http:https:git:ssh',
        GIT_PROTOCOL_FROM_USER: '0',
      },
    });
    printed = result.stdout.trim();
    return result.code === 0 ? undefined : result.stderr.trim().slice(0, 2000);
  };
  const must = (complaint: string | undefined): void => {
    if (complaint !== undefined) throw systemError(`failed to fetch remote ${address}: ${complaint}`);
  };
  must(await git('init', '--quiet', '--initial-branch=build-context'));
  must(await git('remote', 'add', 'origin', '--', address));
  const shallow = await git('fetch', '--quiet', '--depth=1', '--no-tags', 'origin', '--', ref === '' ? 'HEAD' : ref);
  // Some servers give no single commit, or nothing without what was before it.
  if (shallow === undefined) must(await git('checkout', '--quiet', '--force', 'FETCH_HEAD'));
  else if (ref === '') {
    must(await git('fetch', '--quiet', '--no-tags', 'origin', '--', 'HEAD'));
    must(await git('checkout', '--quiet', '--force', 'FETCH_HEAD'));
  } else {
    must(await git('fetch', '--quiet', '--tags', 'origin', '--', '+refs/heads/*:refs/heads/*'));
    must(await git('checkout', '--quiet', '--force', '--detach', ref));
  }
  must(await git('rev-parse', '--verify', 'HEAD'));
  const commit = printed;
  if (!keepGitDir || directory !== '') await rm(join(into, '.git'), { recursive: true, force: true });
  if (directory !== '') await narrow(into, directory);
  return commit;
}

/** Only that directory is left; it may not be a link that leads elsewhere. */
async function narrow(into: string, directory: string): Promise<void> {
  const found = openSource(into, directory);
  const { path, isDirectory } = found;
  found.close();
  if (!isDirectory) throw invalid(`subdir: not a directory: ${directory}`);
  if (path === '/') return;
  // Inside, so that it goes with the rest whatever happens; nobody can have guessed the name.
  const part = `.part-${randomBytes(16).toString('hex')}`;
  await rename(join(into, path), join(into, part));
  for (const name of await readdir(into))
    if (name !== part) await rm(join(into, name), { recursive: true, force: true });
  for (const name of await readdir(join(into, part))) await rename(join(into, part, name), join(into, name));
  await rm(join(into, part), { recursive: true, force: true });
}
