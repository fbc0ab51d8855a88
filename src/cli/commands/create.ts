/** `create` */
import type { Call, Command } from '../command/command.ts';
import { containerFlags, creationFlags } from '../container/create-flags.ts';
import { createRequest, type CreateRequest } from '../container/create-request.ts';
import { checkPullPolicy, createContainer, failure } from '../container/create.ts';
import { printLine } from '../terminal/output.ts';

export const createCommand: Command = {
  use: 'create [OPTIONS] IMAGE [COMMAND] [ARG...]',
  short: 'Create a new container',
  aliases: ['container create', 'create'],
  args: [1, Infinity],
  interspersed: false,
  flags: [...containerFlags, ...creationFlags('creating')],
  run,
};

async function run({ flags, args, client }: Call): Promise<void> {
  let request: CreateRequest;
  try {
    checkPullPolicy(flags.string('pull'));
    request = createRequest(flags, args[0] ?? '', args.slice(1));
  } catch (error) {
    throw failure(error, 'create');
  }
  printLine(await createContainer(client, flags, request));
}
