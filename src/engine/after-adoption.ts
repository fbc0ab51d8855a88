/**
 * The engine as clients have it while it takes up what an earlier daemon left. What only reads answers at once, as long
 * as it is true: of a container that was seen alive, but not of one that has ended and whose end is not dealt with. What
 * changes a container waits for that one, and what concerns all of them, or what is to be found without an owner, for all.
 */
import type { Adoptions } from './adoptions.ts';
import type { ContainerTable } from './container/container-table.ts';
import type { Engine } from './engine.ts';

export function afterAdoption(
  engine: Engine,
  needs: { readonly adoptions: Adoptions; readonly containers: Pick<ContainerTable, 'tryFind'> },
): Engine {
  const { adoptions } = needs;
  /** Undefined: the call itself says what is wrong with it. */
  const idOf = (ref: string): string | undefined => (ref === '' ? undefined : needs.containers.tryFind(ref)?.id);
  const open = async (ref: string): Promise<void> => {
    const id = idOf(ref);
    if (id !== undefined) await adoptions.whenOpen(id);
  };
  const ofContainer =
    <Rest extends readonly unknown[], Result>(work: (ref: string, ...rest: Rest) => Promise<Result>) =>
    async (ref: string, ...rest: Rest): Promise<Result> => {
      await open(ref);
      return work(ref, ...rest);
    };
  const ofSeen =
    <Rest extends readonly unknown[], Result>(work: (ref: string, ...rest: Rest) => Promise<Result>) =>
    async (ref: string, ...rest: Rest): Promise<Result> => {
      const id = idOf(ref);
      if (id !== undefined) await adoptions.whenSeen(id);
      return work(ref, ...rest);
    };
  const ofAll =
    <Given extends readonly unknown[], Result>(work: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      await adoptions.whenOver();
      return work(...given);
    };
  const { containers, streams, archives, networks, names, images, volumes } = engine;
  return {
    ...engine,
    containers: {
      create: ofAll(containers.create),
      start: ofContainer(containers.start),
      stop: ofContainer(containers.stop),
      restart: ofContainer(containers.restart),
      kill: ofContainer(containers.kill),
      pause: ofContainer(containers.pause),
      unpause: ofContainer(containers.unpause),
      remove: ofContainer(containers.remove),
      rename: ofContainer(containers.rename),
      update: ofContainer(containers.update),
      inspect: ofSeen(containers.inspect),
      list: async (options) => {
        await adoptions.whenSeen();
        return containers.list(options);
      },
      wait: ofSeen(containers.wait),
      top: ofContainer(containers.top),
      stats: ofContainer(containers.stats),
      changes: ofContainer(containers.changes),
      prune: ofAll(containers.prune),
      addPorts: ofContainer(containers.addPorts),
      removePorts: ofContainer(containers.removePorts),
    },
    streams: {
      ...streams, // an exec is of this daemon
      attach: ofContainer(streams.attach),
      logs: ofContainer(streams.logs),
      resize: ofContainer(streams.resize),
      execCreate: ofContainer(streams.execCreate),
    },
    archives: {
      statPath: ofContainer(archives.statPath),
      getArchive: ofContainer(archives.getArchive),
      putArchive: ofContainer(archives.putArchive),
      exportRootfs: ofContainer(archives.exportRootfs),
      commit: ofContainer(archives.commit),
    },
    networks: {
      createNetwork: ofAll(networks.createNetwork),
      removeNetwork: ofAll(networks.removeNetwork),
      inspectNetwork: ofAll(networks.inspectNetwork),
      listNetworks: ofAll(networks.listNetworks),
      // A container that is open has the networks that there are.
      connect: async (ref, container, spec) => {
        await (idOf(container) === undefined ? adoptions.whenOver() : open(container));
        return networks.connect(ref, container, spec);
      },
      disconnect: async (ref, container, force) => {
        await (idOf(container) === undefined ? adoptions.whenOver() : open(container));
        return networks.disconnect(ref, container, force);
      },
      pruneNetworks: ofAll(networks.pruneNetworks),
    },
    names: {
      networkNames: ofAll(names.networkNames),
      followQueries: ofContainer(names.followQueries),
    },
    images: {
      ...images,
      removeImage: ofAll(images.removeImage),
      pruneImages: ofAll(images.pruneImages),
    },
    volumes: {
      ...volumes,
      createVolume: ofAll(volumes.createVolume),
      removeVolume: ofAll(volumes.removeVolume),
      pruneVolumes: ofAll(volumes.pruneVolumes),
    },
  };
}
