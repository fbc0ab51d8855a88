/** `RUN --mount`: what a step sees besides its image, while it runs. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { randomBytes } from 'node:crypto';
import { invalid } from '../base/errors.ts';
import { copyInto } from '../image/trees/copy-into.ts';
import { oneSource } from '../image/trees/tree-sources.ts';
import type { ImageRecord } from '../model/image.ts';
import type { BuildParts } from './build-parts.ts';
import type { RunMount } from './dockerfile/run-mount.ts';
import type { StepMount } from './step-host.ts';

export interface PreparedMounts {
  readonly mounts: readonly StepMount[];
  readonly env: readonly string[];
  readonly secretEnv: readonly string[];
}

/** Where `from=` leads: the files of a stage or an image, or a directory; neither = there is no context. */
export type FindTree = (from: string) => Promise<FoundTree>;

export type FoundTree =
  | { readonly image: ImageRecord; readonly directory?: undefined }
  | { readonly image?: undefined; readonly directory: string | undefined };

/** All of them are there while `work` runs. */
export async function withMounts<T>(
  parts: BuildParts,
  wanted: readonly RunMount[],
  workingDir: string,
  findTree: FindTree,
  work: (prepared: PreparedMounts) => Promise<T>,
): Promise<T> {
  const mounts: StepMount[] = [];
  const env: string[] = [];
  const secretEnv: string[] = [];
  const targetOf = (mount: RunMount): string => posix.resolve('/', workingDir, mount.target);
  const next = async (index: number): Promise<T> => {
    const mount = wanted[index];
    if (!mount) return await work({ mounts, env, secretEnv });
    const target = targetOf(mount);
    const go = async (source: StepMount['source'], readonly: boolean): Promise<T> => {
      mounts.push({ target, readonly, source });
      return await next(index + 1);
    };
    switch (mount.type) {
      case 'tmpfs':
        return await go({ tmpfsBytes: mount.sizeBytes }, mount.readonly);
      case 'bind':
        if (mount.target === '') throw invalid('mount target is required for bind mounts');
        return await bound(parts, mount, await findTree(mount.from), (path) =>
          go({ path, subpath: mount.source.replace(/^\/+/, '') }, mount.readonly),
        );
      case 'cache':
        return await cached(parts, mount, target, findTree, (path) => go({ path, subpath: '' }, mount.readonly));
      case 'secret': {
        const value = await parts.request.secret(mount.id);
        if (value === undefined) {
          if (mount.required) throw invalid(`secret ${mount.id}: not found`);
          return await next(index + 1);
        }
        if (mount.variable !== undefined) secretEnv.push(`${mount.variable}=${value.toString()}`);
        if (mount.target === '') return await next(index + 1);
        return await go({ path: secretFile(parts, value, mount), subpath: '' }, true);
      }
      case 'ssh': {
        const socket = await parts.request.sshSocket(mount.id, {
          uid: mount.uid ?? 0,
          gid: mount.gid ?? 0,
          mode: mount.mode ?? 0o600,
        });
        if (socket === undefined) {
          if (mount.required) throw invalid(`unset ssh forward key ${mount.id}`);
          return await next(index + 1);
        }
        const place = mount.target === '' ? `/run/buildkit/ssh_agent.${index}` : target;
        env.push(`SSH_AUTH_SOCK=${place}`);
        mounts.push({ target: place, readonly: false, source: { path: socket, subpath: '' } });
        return await next(index + 1);
      }
    }
  };
  const locked = wanted.flatMap((mount) =>
    mount.type === 'cache' && mount.sharing === 'locked' ? [cacheId(mount, targetOf(mount))] : [],
  );
  return await parts.cacheMounts.locked(locked, parts.signal, () => next(0));
}

/** Without a name of its own it is called by its place. */
const cacheId = ({ id }: Extract<RunMount, { type: 'cache' }>, target: string): string => id || target;

type Use<T> = (path: string) => Promise<T>;

async function bound<T>(
  parts: BuildParts,
  mount: Extract<RunMount, { type: 'bind' }>,
  { image, directory }: FoundTree,
  use: Use<T>,
): Promise<T> {
  if (image) return await (mount.readonly ? parts.steps.reading(image, use) : parts.steps.trying(image, use));
  if (directory === undefined) throw invalid('missing build context');
  if (mount.readonly) return await use(directory);
  return await parts.steps.tryingDirectory(directory, newDirectory(parts.workDirectory), use);
}

async function cached<T>(
  parts: BuildParts,
  mount: Extract<RunMount, { type: 'cache' }>,
  target: string,
  findTree: FindTree,
  use: Use<T>,
): Promise<T> {
  if (mount.target === '') throw invalid('mount target is required for cache mounts');
  return await parts.cacheMounts.use(
    {
      id: cacheId(mount, target),
      sharing: mount.sharing,
      mode: mount.mode ?? 0o755,
      uid: mount.uid ?? 0,
      gid: mount.gid ?? 0,
      fill: async (directory) => {
        if (mount.from === '') return;
        const tree = await findTree(mount.from);
        const fill = (root: string): Promise<void> =>
          copyInto({
            from: root,
            sources: [oneSource(root, mount.source)],
            into: directory,
            destination: '/',
            owner: tree.image ? undefined : { uid: 0, gid: 0 },
            signal: parts.signal,
          });
        if (tree.image) await parts.steps.reading(tree.image, fill);
        else if (tree.directory !== undefined) await fill(tree.directory);
      },
    },
    use,
  );
}

function newDirectory(below: string): string {
  const path = join(below, randomBytes(8).toString('hex'));
  mkdirSync(path, { mode: 0o700 });
  return path;
}

function secretFile(parts: BuildParts, value: Buffer, mount: Extract<RunMount, { type: 'secret' }>): string {
  const path = join(newDirectory(parts.secretDirectory), 'secret');
  writeFileSync(path, value, { mode: 0o600, flag: 'wx' });
  chownSync(path, mount.uid ?? 0, mount.gid ?? 0);
  chmodSync(path, mount.mode ?? 0o400);
  return path;
}
