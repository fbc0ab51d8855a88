import type { NameQueryJson, NetworkNamesJson } from '../../wire/names.ts';
import type { NameQuery } from '../../base/name-query.ts';
import type { NetworkNames } from '../backend/names.ts';

export function toNetworkNamesJson(names: NetworkNames): NetworkNamesJson {
  return {
    Id: names.networkId,
    Name: names.networkName,
    TTL: names.ttlS,
    Names: names.names.map(({ name, a, aaaa, services }) => ({
      Name: name,
      A: a,
      AAAA: aaaa,
      Services: services.map(({ service, target, port }) => ({ Service: service, Target: target, Port: port })),
    })),
    Reverse: names.reverse.map(({ address, name }) => ({ Address: address, Name: name })),
    Containers: names.containers.map((container) => ({
      Id: container.containerId,
      Name: container.containerName,
      Networks: container.networks,
      Aliases: container.aliases.map(({ alias, network, addresses }) => ({
        Alias: alias,
        Network: network,
        Addresses: addresses,
      })),
      Forward: container.forward,
      Servers: container.servers.map(({ address, port, from }) => ({ Address: address, Port: port, From: from })),
    })),
  };
}

export function toNameQueryJson(query: NameQuery): NameQueryJson {
  return {
    Time: query.time,
    Protocol: query.protocol,
    Name: query.name,
    Type: query.type,
    Code: query.code,
    Answers: query.answers,
    Server: query.server ?? '',
    Problem: query.problem ?? '',
    DurationMs: query.durationMs,
  };
}
