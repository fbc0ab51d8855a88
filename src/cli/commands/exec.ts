/** `exec` */
import { configuredDetachKeys } from '../api/registry-auth.ts';
import type { Call, Command } from '../command/command.ts';
import * as type from '../command/flag-types.ts';
import { requireTerminal } from '../container/attach-session.ts';
import { createExec, runExec, type ExecRequest } from '../container/exec-session.ts';
import { checkEnv } from '../container/flag-checks.ts';
import { readVariableFile } from '../container/variable-file.ts';
import { parseDetachKeys } from '../terminal/detach-keys.ts';

export const execCommand: Command = {
  use: 'exec [OPTIONS] CONTAINER COMMAND [ARG...]',
  short: 'Execute a command in a running container',
  aliases: ['container exec', 'exec'],
  args: [2, Infinity],
  interspersed: false,
  flags: [
    { name: 'detach', short: 'd', type: type.bool, usage: 'Detached mode: run command in the background' },
    { name: 'detach-keys', type: type.string, usage: 'Override the key sequence for detaching a container' },
    { name: 'env', short: 'e', type: type.list, check: checkEnv, usage: 'Set environment variables' },
    { name: 'env-file', type: type.list, usage: 'Read in a file of environment variables' },
    { name: 'interactive', short: 'i', type: type.bool, usage: 'Keep STDIN open even if not attached' },
    { name: 'privileged', type: type.bool, usage: 'Give extended privileges to the command' },
    { name: 'tty', short: 't', type: type.bool, usage: 'Allocate a pseudo-TTY' },
    { name: 'user', short: 'u', type: type.string, usage: 'Username or UID (format: "<name|uid>[:<group|gid>]")' },
    { name: 'workdir', short: 'w', type: type.string, usage: 'Working directory inside the container' },
  ],
  run,
};

async function run({ flags, args, client }: Call): Promise<void> {
  const [container = '', ...words] = args;
  const detach = flags.bool('detach');
  const keys = flags.string('detach-keys');
  if (keys !== '') parseDetachKeys(keys);
  const request: ExecRequest = {
    AttachStdin: !detach && flags.bool('interactive'),
    AttachStdout: !detach,
    AttachStderr: !detach,
    Tty: flags.bool('tty'),
    Cmd: words,
    Env: [
      ...flags.list('env-file').flatMap((path) => readVariableFile(path, (name) => process.env[name])),
      ...flags.list('env'),
    ],
    User: flags.string('user'),
    WorkingDir: flags.string('workdir'),
    Privileged: flags.bool('privileged'),
    DetachKeys: keys || (flags.bool('tty') ? configuredDetachKeys() : ''),
  };
  // Before anything is made on the daemon's side that could not be taken back.
  requireTerminal(request.AttachStdin, request.Tty);
  const execId = await createExec(client, container, request);
  if (detach) await client.done('POST', `/exec/${execId}/start`, { body: { Detach: true, Tty: request.Tty } });
  else await runExec(client, execId, request);
}
