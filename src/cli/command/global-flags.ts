/** The flags in front of every command, and the engine that they choose. */
import { Endpoints } from '../api/endpoint.ts';
import type { Flag, FlagSet } from './flag-set.ts';
import * as type from './flag-types.ts';

export const globalFlags: readonly Flag[] = [
  { name: 'config', type: type.string, usage: 'Location of client config files', hidden: true },
  {
    name: 'context',
    short: 'c',
    type: type.string,
    usage: 'Name of the Docker context to use to connect to the daemon (overrides CAUSEWAY_HOST and DOCKER_HOST)',
  },
  { name: 'debug', short: 'D', type: type.bool, usage: 'Enable debug mode: show every request' },
  { name: 'host', short: 'H', type: type.list, usage: 'Daemon socket to connect to' },
  {
    name: 'log-level',
    short: 'l',
    type: type.string,
    preset: 'info',
    usage: 'Set the logging level ("debug", "info", "warn", "error", "fatal")',
  },
  { name: 'tls', type: type.bool, usage: 'Use TLS; implied by --tlsverify' },
  { name: 'tlscacert', type: type.string, usage: 'Trust certs signed only by this CA' },
  { name: 'tlscert', type: type.string, usage: 'Path to TLS certificate file' },
  { name: 'tlskey', type: type.string, usage: 'Path to TLS key file' },
  { name: 'tlsverify', type: type.bool, usage: 'Use TLS and verify the remote' },
  { name: 'version', short: 'v', type: type.bool, usage: 'Print version information and quit' },
];

export const endpointsOf = (globals: FlagSet): Endpoints =>
  new Endpoints(
    {
      hosts: globals.list('host'),
      context: globals.string('context'),
      tls: globals.bool('tls'),
      tlsVerify: globals.bool('tlsverify'),
      ca: globals.string('tlscacert'),
      cert: globals.string('tlscert'),
      key: globals.string('tlskey'),
    },
    process.env,
  );
