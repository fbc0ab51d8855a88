/** Creating a container: pulls the image if it must, keeps the ID file. */
import { existsSync, openSync, closeSync, rmSync, writeSync } from 'node:fs';
import { familiarReference, parseAnyReference, withDefaultTag } from '../../model/image-reference.ts';
import type { CreateResponseJson } from '../../wire/container-summary.ts';
import { isNotFound, type ApiClient } from '../api/client.ts';
import { imagePath } from '../api/image-path.ts';
import { checkPlatform } from '../api/platform.ts';
import type { FlagSet } from '../command/flag-set.ts';
import { PROGRAM } from '../command/program-name.ts';
import { errorText, runExitCodeOf, StatusError } from '../command/status-error.ts';
import { complain } from '../terminal/output.ts';
import type { CreateRequest } from './create-request.ts';
import { terminalSize } from './terminal-size.ts';
import { goFileError } from './variable-file.ts';

/** An error of `run` or `create`, with the hint that Docker puts behind it. */
export function failure(error: unknown, command: string, exitCode = 125): StatusError {
  return new StatusError(
    `${PROGRAM}: ${errorText(error)}\n\nRun '${PROGRAM} ${command} --help' for more information`,
    exitCode,
  );
}

export function checkPullPolicy(policy: string): void {
  if (['', 'always', 'missing', 'never'].includes(policy)) return;
  throw new Error(`invalid pull option: '${policy}': must be one of "always", "missing" or "never"`);
}

export async function createContainer(client: ApiClient, flags: FlagSet, request: CreateRequest): Promise<string> {
  const { config, hostConfig, endpoints } = request;
  warnOfDanger(flags);
  const image = config.Image;
  const named = parseAnyReference(image);
  const reference = named.kind === 'id' ? undefined : withDefaultTag(named.name);
  checkPlatformFlag(flags.string('platform'));
  const idFile = openIdFile(flags.string('cidfile'));
  try {
    const pull = async () => {
      const { pullImage } = await import('../image/pull.ts');
      await pullImage(client, image, { platform: flags.string('platform'), quiet: flags.bool('quiet'), fd: 2 });
    };
    if (flags.string('pull') === 'always') await pull();
    const size = terminalSize();
    const body = {
      ...config,
      HostConfig: { ...hostConfig, ConsoleSize: size ? [size.rows, size.columns] : [0, 0] },
      NetworkingConfig: { EndpointsConfig: endpoints },
    };
    const query = { name: flags.string('name') || undefined, platform: flags.string('platform') || undefined };
    const create = () => client.json<CreateResponseJson>('POST', '/containers/create', { query, body });
    let created;
    try {
      created = await create();
    } catch (error) {
      if (!reference || flags.string('pull') !== 'missing' || !isNotFound(error) || (await hasImage(client, image)))
        throw error;
      if (!flags.bool('quiet')) complain(`Unable to find image '${familiarReference(reference)}' locally`);
      await pull();
      created = await create();
    }
    for (const warning of created.Warnings ?? []) complain(`WARNING: ${warning}`);
    idFile.write(created.Id);
    return created.Id;
  } catch (error) {
    idFile.remove();
    throw error;
  }
}

/** What a create misses may as well be a network, or another container. */
async function hasImage(client: ApiClient, image: string): Promise<boolean> {
  try {
    await client.done('GET', `${imagePath(image)}/json`);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

function warnOfDanger(flags: FlagSet): void {
  if (flags.bool('oom-kill-disable') && flags.number('memory') === 0) {
    complain("WARNING: Disabling the OOM killer on containers without setting a '-m/--memory' limit may be dangerous.");
  }
  const local = flags.list('dns').find((address) => /^127\.|^::1$/.test(address));
  if (local !== undefined) complain(`WARNING: Localhost DNS (${local}) may fail in containers.`);
}

function checkPlatformFlag(platform: string): void {
  if (platform === '') return;
  try {
    checkPlatform(platform);
  } catch (error) {
    throw new StatusError(`error parsing specified platform: ${errorText(error)}`);
  }
}

function openIdFile(path: string): { write(id: string): void; remove(): void } {
  if (path === '') return { write: () => {}, remove: () => {} };
  if (existsSync(path))
    throw new Error(`container ID file found, make sure the other container isn't running or delete ${path}`);
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o666);
  } catch (error) {
    throw new StatusError(
      `failed to create the container ID file: ${goFileError(error, 'open', path)}`,
      1,
      runExitCodeOf(error),
    );
  }
  return {
    write(id) {
      writeSync(fd, id);
      closeSync(fd);
    },
    remove() {
      closeSync(fd);
      rmSync(path, { force: true });
    },
  };
}
