/** `__manual DIRECTORY`: writes the pages for man(1), for whoever makes a package. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { entries, groups } from '../command/catalog.ts';
import type { Command } from '../command/command.ts';
import { allCommands } from '../command/find.ts';
import { globalFlags } from '../command/global-flags.ts';
import { DESCRIPTION, PROGRAM, VERSION } from '../command/program-name.ts';
import * as type from '../command/flag-types.ts';
import { commandPage, programPage } from './page.ts';

export const manualCommand: Command = {
  use: '__manual [OPTIONS] DIRECTORY',
  short: 'Write the manual pages',
  args: [1, 1],
  flags: [{ name: 'date', type: type.string, usage: 'Date of the release, YYYY-MM-DD' }],
  async run({ flags, args: [directory = ''] }) {
    const release = { version: VERSION, date: flags.string('date') };
    const pages = [programPage({ description: DESCRIPTION, entries, groups, globals: globalFlags }, release)];
    for (const { words, entry } of allCommands())
      if (!entry.hidden) pages.push(commandPage(await entry.load(), [PROGRAM, ...words].join(' '), release));
    mkdirSync(directory, { recursive: true });
    for (const { file, text } of pages) writeFileSync(join(directory, file), text);
  },
};
