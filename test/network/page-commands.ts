/**
 * The commands that pages about firewalls give, in code blocks and in their sentences: page-commands.test.ts asks for a
 * run of each.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from '../harness/test-engine.ts';

const COMMAND =
  /^(?:ufw|firewall-cmd|ip6?tables(?:-nft|-legacy)?|ipset|nft|docker|podman|causeway|systemctl|service) \S/;
const ABOUT_FIREWALLS = /ufw|firewall|iptables|nftables|input rules/i;

export interface PageCode {
  /** Whole commands. */
  readonly commands: readonly string[];
  /** Options that a sentence names alone, as `--permanent`. */
  readonly options: readonly string[];
}

/** Of docs/firewalls.md, and of what README.md (in both languages) and docs/ports.md say of firewalls. */
export function codeOfPages(): PageCode {
  const read = (path: string) => readFileSync(join(PROJECT, path), 'utf8');
  const ports = read('docs/ports.md');
  const readmes = ['README.md', 'README.zh-CN.md'].flatMap((path) =>
    blocksOf(read(path)).filter((block) => ABOUT_FIREWALLS.test(block)),
  );
  return codeIn(
    [
      read('docs/firewalls.md'),
      section(ports, 'Living with other firewalls'),
      section(ports, "Ports and the host's input policy"),
      ...readmes,
    ].join('\n\n'),
  );
}

export function codeIn(markdown: string): PageCode {
  const fenced = [...markdown.matchAll(/^```\w*\n(.*?)^```$/gms)].flatMap((match) => match[1]!.split('\n'));
  const rest = markdown.replace(/^```\w*\n.*?^```$/gms, '');
  const indented = rest
    .split('\n')
    .filter((line) => line.startsWith('    '))
    .map((line) => line.trim());
  const inline = rest
    .split(/\n\s*\n/)
    .flatMap((paragraph) => [...paragraph.matchAll(/`([^`]+)`/g)].map((match) => match[1]!.replaceAll(/\s+/g, ' ')));
  const code = [...fenced, ...indented.map((line) => line.replace(/\s+# .*$/, '')), ...inline];
  return {
    commands: distinct(code.filter((text) => COMMAND.test(text))),
    options: distinct(code.filter((text) => /^--\w/.test(text))),
  };
}

/** Paragraphs, items of lists and rows of tables. */
const blocksOf = (markdown: string): string[] => markdown.replaceAll(/\n(?=[-|] ?)/g, '\n\n').split(/\n\s*\n/);

function section(markdown: string, title: string): string {
  const found = markdown.split(/^## /m).find((part) => part.startsWith(`${title}\n`));
  if (found === undefined) throw new Error(`no section ${title}`);
  return found;
}

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];
