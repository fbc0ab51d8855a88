/**
 * The files of containers follow the table. A container's own are part of each change of it; those of others, which
 * link to it, follow from it: nothing that another container does to its files can keep this one from starting, or the
 * daemon from answering.
 */
import { existsSync } from 'node:fs';
import { errorMessage, systemError } from '../../base/errors.ts';
import { FairTurns } from '../../base/fair-turns.ts';
import { renderFiles, updateFiles, writeNewFiles, type FileFacts } from '../files/container-files.ts';
import type { HostServers } from '../host/host-facts.ts';
import type { NetworkCore } from './core.ts';
import type { ResolverFeed } from './resolver-feed.ts';
import { isDefaultBridge } from '../plan/network-policy.ts';

type FileNeeds = Pick<NetworkCore, 'config' | 'facts' | 'lateFiles' | 'log' | 'rows' | 'table'> & {
  readonly feed: Pick<ResolverFeed, 'hostServers'>;
};

const turns = new FairTurns();

export class FileRefresh {
  readonly #needs: FileNeeds;

  constructor(needs: FileNeeds) {
    this.#needs = needs;
  }

  /**
   * Brings a container's files in line with the table; new ones are written, those of a running container replaced.
   * What the container itself holds up comes later.
   */
  one(containerId: string, servers = this.#needs.feed.hostServers()): void {
    if (!this.#refreshed(containerId, servers)) this.#later(containerId);
  }

  /**
   * The same for containers that are not themselves changed. Never throws: what cannot be written is warned of, and
   * retried. An untrusted file may be long: each is a turn of the loop of its own.
   */
  async others(containerIds: readonly string[], servers = this.#needs.feed.hostServers()): Promise<void> {
    for (const id of containerIds) {
      await turns.take();
      try {
        this.one(id, servers);
      } catch (error) {
        const { log, table } = this.#needs;
        log.warn(
          { container: id, file: table.sandbox(id)?.request.files.hosts, error: errorMessage(error) },
          'the files of a container could not be brought up to date, which is tried again',
        );
        this.#later(id);
      }
    }
  }

  /** False: a file is held by a process of the container's. */
  #refreshed(containerId: string, servers: () => HostServers): boolean {
    const { table, log } = this.#needs;
    const record = table.sandbox(containerId);
    if (!record || (record.parked && !existsSync(record.request.files.hosts))) return true; // the container was removed, and its files with it
    const texts = renderFiles(record, table, this.#facts(servers()));
    const isNew = record.written.hosts === '';
    if (isNew) writeNewFiles(record, texts);
    const { written, late } = isNew ? { written: texts, late: false } : updateFiles(record, texts, log);
    if (written.hosts !== record.written.hosts || written.resolvConf !== record.written.resolvConf)
      table.putSandbox({ ...record, written });
    return !late;
  }

  #later(containerId: string): void {
    const { feed, lateFiles, log, rows } = this.#needs;
    const again = async (): Promise<void> => {
      await turns.take();
      if (!this.#refreshed(containerId, feed.hostServers()))
        throw systemError('a process of the container keeps a file by a lease');
      await rows.commit([containerId]);
    };
    lateFiles.add(containerId, again, (error) =>
      log.warn(
        { container: containerId, error: errorMessage(error) },
        'the files of a container could not be brought up to date: they follow the next change, or come anew when the container is started again',
      ),
    );
  }

  #facts({ own, reachable }: HostServers): FileFacts {
    const { config, facts, table } = this.#needs;
    const bridge = table.networks().find((network) => isDefaultBridge(network));
    const gateways =
      config.hostGatewayIps.length > 0 ? config.hostGatewayIps : (bridge?.pools.map((pool) => pool.gateway) ?? []);
    return {
      ipv6: facts.ipv6,
      hostGateways: gateways.filter((address) => address !== ''),
      resolvConf: own,
      reachableResolvConf: reachable,
      defaults: config,
    };
  }
}
