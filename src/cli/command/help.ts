/** --help in Docker's layout. */
import { wrapText } from '../../base/wrapped-text.ts';
import type { Command, Entry, Group } from './command.ts';
import { usageLine } from './command.ts';
import type { Flag } from './flag-set.ts';
import { usageText, valueLabel } from './flag-text.ts';
import { PROGRAM } from './program-name.ts';
import { isTerminal, openTerminal } from '../terminal/terminal-device.ts';

const DEFAULT_WIDTH = 80;

/** The terminal's width on standard input, as Docker measures it; 80 elsewhere. */
function helpWidth(): number {
  if (!isTerminal(0)) return DEFAULT_WIDTH;
  const columns = openTerminal(0).columns;
  return columns > 0 ? columns : DEFAULT_WIDTH;
}

export function commandHelp(command: Command, path: string, width = helpWidth()): string {
  let text = `Usage:  ${usageLine(path, command.use)}\n\n${command.long ?? command.short}\n`;
  const aliases = command.aliases ?? [];
  if (aliases.length > 0) text += `\nAliases:\n  ${aliases.map((alias) => `${PROGRAM} ${alias}`).join(', ')}\n`;
  const flags = flagTable(command.flags, width);
  if (flags !== '') text += `\nOptions:\n${flags}\n`;
  return text;
}

const listEntries = (entries: readonly { name: string; short: string }[], pad: number) =>
  entries.map(({ name, short }) => `  ${name.padEnd(pad)} ${short}`).join('\n');

const NAME_WIDTH = 11;

export function groupHelp(group: Group, bareUse = ''): string {
  const path = `${PROGRAM} ${group.name}`;
  const bare = bareUse === '' ? '' : `\n\t${PROGRAM} ${bareUse}`;
  const shown = group.entries.filter((entry) => !entry.hidden).toSorted(byName);
  return (
    `Usage:  ${path} COMMAND${bare}\n\n${group.short}\n\nCommands:\n${listEntries(shown, NAME_WIDTH)}\n\n` +
    `Run '${path} COMMAND --help' for more information on a command.\n`
  );
}

export function rootHelp(
  description: string,
  entries: readonly Entry[],
  groups: readonly Group[],
  globals: readonly Flag[],
  width = helpWidth(),
): string {
  const shown = entries.filter((entry) => !entry.hidden);
  const common = shown.filter((entry) => entry.section === 'common');
  const others = shown.filter((entry) => entry.section === undefined).toSorted(byName);
  return (
    `Usage:  ${PROGRAM} [OPTIONS] COMMAND\n\n${description}\n\n` +
    `Common Commands:\n${listEntries(common, NAME_WIDTH)}\n\n` +
    `Management Commands:\n${listEntries(groups.toSorted(byName), NAME_WIDTH)}\n\n` +
    `Commands:\n${listEntries(others, NAME_WIDTH)}\n\n` +
    `Global Options:\n${flagTable(globals, width)}\n\n` +
    `Run '${PROGRAM} COMMAND --help' for more information on a command.\n`
  );
}

const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);

/** Flags sorted by name in two columns, the second wrapped. The first character column holds the shorthand. */
function flagTable(flags: readonly Flag[], width: number): string {
  const rows = flags
    .filter((flag) => !flag.hidden)
    .toSorted(byName)
    .map((flag) => {
      const label = valueLabel(flag);
      const left = `${flag.short ? `  -${flag.short}, ` : '      '}--${flag.name}${label === '' ? '' : ` ${label}`}`;
      return { left, right: usageText(flag) + shownDefault(flag) };
    });
  const indent = Math.max(...rows.map((row) => row.left.length)) + 3;
  return rows.map(({ left, right }) => left.padEnd(indent) + wrapText(right, indent, width - 1)).join('\n');
}

function shownDefault({ type, preset }: Flag): string {
  const value = preset ?? type.zeroShown;
  if (value === undefined) return '';
  return ` (default ${type.quoted ? JSON.stringify(value) : value})`;
}
