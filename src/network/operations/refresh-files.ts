/**
 * The files of containers follow the table. A container's own are part of each change of it; those of others, which
 * link to it, follow from it: nothing that another container does to its files can keep this one from starting, or the
 * daemon from answering.
 */
import { existsSync } from 'node:fs';
import { errorMessage, systemError } from '../../base/errors.ts';
import { FairTurns } from '../../base/fair-turns.ts';
import { renderFiles, updateFiles, writeNewFiles, type FileFacts } from '../files/container-files.ts';
import type { NetworkCore } from './core.ts';
import { isDefaultBridge } from '../plan/network-policy.ts';
import { readReachableResolvConf, readResolvConf } from '../host/host-facts.ts';

/**
 * Brings a container's files in line with the table; new ones are written, those of a running container replaced. What
 * the container itself holds up comes later.
 */
export function refreshFiles(core: NetworkCore, containerId: string): void {
  if (!refreshed(core, containerId)) refreshLater(core, containerId);
}

const turns = new FairTurns();

/**
 * The same for containers that are not themselves changed. Never throws: what cannot be written is warned of, and
 * retried. An untrusted file may be long: each is a turn of the loop of its own.
 */
export async function refreshOthers(core: NetworkCore, containerIds: readonly string[]): Promise<void> {
  for (const id of containerIds) {
    await turns.take();
    try {
      refreshFiles(core, id);
    } catch (error) {
      core.log.warn(
        { container: id, file: core.table.sandbox(id)?.request.files.hosts, error: errorMessage(error) },
        'the files of a container could not be brought up to date, which is tried again',
      );
      refreshLater(core, id);
    }
  }
}

/** False: a file is held by a process of the container's. */
function refreshed(core: NetworkCore, containerId: string): boolean {
  const { table, log } = core;
  const record = table.sandbox(containerId);
  if (!record || (record.parked && !existsSync(record.request.files.hosts))) return true; // the container was removed, and its files with it
  const texts = renderFiles(record, table, fileFacts(core));
  const isNew = record.written.hosts === '';
  if (isNew) writeNewFiles(record, texts);
  const { written, late } = isNew ? { written: texts, late: false } : updateFiles(record, texts, log);
  if (written.hosts !== record.written.hosts || written.resolvConf !== record.written.resolvConf)
    table.putSandbox({ ...record, written });
  return !late;
}

function refreshLater(core: NetworkCore, containerId: string): void {
  const again = async (): Promise<void> => {
    await turns.take();
    if (!refreshed(core, containerId)) throw systemError('a process of the container keeps a file by a lease');
    const record = core.table.sandbox(containerId);
    if (record) await core.store.commit({ putSandboxes: [record] });
  };
  core.lateFiles.add(containerId, again, (error) =>
    core.log.warn(
      { container: containerId, error: errorMessage(error) },
      'the files of a container could not be brought up to date: they follow the next change, or come anew when the container is started again',
    ),
  );
}

function fileFacts(core: NetworkCore): FileFacts {
  const { config, facts, table } = core;
  const bridge = table.networks().find((network) => isDefaultBridge(network));
  const gateways =
    config.hostGatewayIp !== '' ? [config.hostGatewayIp] : (bridge?.pools.map((pool) => pool.gateway) ?? []);
  return {
    ipv6: facts.ipv6,
    hostGateways: gateways.filter((address) => address !== ''),
    resolvConf: readResolvConf(config.hostResolvConf),
    reachableResolvConf: readReachableResolvConf(config),
    defaults: config,
  };
}
