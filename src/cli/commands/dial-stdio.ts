/** `system dial-stdio`: the daemon's socket on standard input and output, for clients that come over ssh. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Command } from '../command/command.ts';
import { StatusError } from '../command/status-error.ts';
import { PROGRAM } from '../command/program-name.ts';

export const dialStdioCommand: Command = {
  use: 'dial-stdio',
  short: 'Proxy the stdio stream to the daemon connection. Should not be invoked manually.',
  args: [0, 0],
  flags: [],
  async run({ client: { endpoint } }) {
    const socket =
      endpoint.kind === 'unix'
        ? connect({ path: endpoint.path, allowHalfOpen: true })
        : endpoint.kind === 'ssh'
          ? undefined
          : endpoint.tls
            ? connectTls({ host: endpoint.hostname, port: endpoint.port, ...endpoint.tls })
            : connect({ host: endpoint.hostname, port: endpoint.port, allowHalfOpen: true });
    if (!socket) throw new StatusError(`${PROGRAM}: dial-stdio goes to a socket: give --host unix:// or tcp://`);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error) =>
        reject(new StatusError(`Cannot connect to the Causeway daemon at ${endpoint.host}: ${error.message}`)),
      );
      process.stdout.on('error', () => socket.destroy());
      process.stdin.on('error', () => socket.end());
      socket.once('close', resolve);
      // Nothing more can come. The client may be one that keeps its side open until it sees the end: do not wait for it.
      socket.once('end', () => process.stdout.write('', () => resolve()));
      process.stdin.pipe(socket);
      socket.pipe(process.stdout);
    });
  },
};
