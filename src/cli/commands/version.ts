/** `version` */
import { arch, platform } from 'node:os';
import type { VersionJson } from '../../wire/system.ts';
import { API_VERSION } from '../api/client.ts';
import type { Call, Command } from '../command/command.ts';
import { inspectFormat } from '../command/common-flags.ts';
import { BUILT_AT, COMMIT, VERSION } from '../command/program-name.ts';
import { errorText, StatusError } from '../command/status-error.ts';
import { Template, TemplateError } from '../../base/template/template.ts';
import { asGoValue } from '../template/go-shapes.ts';
import { print, printShown, shown } from '../terminal/output.ts';

export const versionCommand: Command = {
  use: 'version [OPTIONS]',
  short: 'Show the Causeway version information',
  args: [0, 0],
  flags: [inspectFormat],
  run,
};

const ARCH: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

async function run({ flags, client }: Call): Promise<void> {
  const own = {
    Version: VERSION,
    ApiVersion: API_VERSION,
    DefaultAPIVersion: API_VERSION,
    GitCommit: COMMIT,
    NodeVersion: process.version,
    Os: platform(),
    Arch: ARCH[arch()] ?? arch(),
    BuildTime: BUILT_AT,
    Context: 'default',
  };
  const format = flags.string('format');
  const template = format === '' ? undefined : parse(format);
  let server: VersionJson | undefined;
  let failure: unknown;
  try {
    server = await client.json<VersionJson>('GET', '/version');
  } catch (error) {
    failure = error;
  }
  if (template !== undefined) {
    const known = asGoValue('system.versionInfo', { Client: own, Server: server ?? null });
    // A template that asks for the server fails where there is none; that no daemon answers is the reason to tell.
    printShown(`${execute(template, known, failure !== undefined)}\n`);
  } else print(clientText(own, client.version) + (server ? serverText(server) : ''));
  if (failure !== undefined) throw new StatusError(errorText(failure));
}

function parse(format: string): Template {
  try {
    return new Template(format === 'json' ? '{{json .}}' : format);
  } catch (error) {
    throw new StatusError(`template parsing error: ${errorText(error)}`, 64);
  }
}

function execute(template: Template, data: unknown, mayFail: boolean): string {
  try {
    return template.execute(data, { show: shown });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    if (mayFail) return '';
    throw new StatusError(`template parsing error: ${error.message}`);
  }
}

const lines = (rows: readonly (readonly [string, string | undefined])[], indent: string, width: number) =>
  rows
    .filter(([, value]) => value)
    .map(([key, value]) => `${indent}${`${key}:`.padEnd(width)}${value}\n`)
    .join('');

function clientText(
  own: { Version: string; GitCommit: string; NodeVersion: string; Os: string; Arch: string; BuildTime: string },
  used: string,
): string {
  const api = used === API_VERSION ? used : `${used} (downgraded from ${API_VERSION})`;
  return `Client:\n${lines(
    [
      ['Version', own.Version],
      ['API version', api],
      ['Node version', own.NodeVersion],
      ['Git commit', own.GitCommit],
      ['Built', own.BuildTime],
      ['OS/Arch', `${own.Os}/${own.Arch}`],
    ],
    ' ',
    19,
  )}`;
}

function serverText(server: VersionJson): string {
  const components = server.Components ?? [];
  const engine = components.find(({ Name }) => Name === 'Engine')?.Details ?? {};
  const name = server.Platform?.Name ? ` ${server.Platform.Name}` : '';
  let text = `\nServer:${name}\n Engine:\n${lines(
    [
      ['Version', server.Version],
      ['API version', `${server.ApiVersion} (minimum version ${server.MinAPIVersion})`],
      ['Go version', engine['GoVersion'] ?? server.GoVersion],
      ['Git commit', server.GitCommit],
      ['Built', server.BuildTime],
      ['OS/Arch', `${server.Os}/${server.Arch}`],
      ['Experimental', engine['Experimental'] ?? 'false'],
    ],
    '  ',
    18,
  )}`;
  for (const component of components) {
    if (component.Name === 'Engine') continue;
    text += ` ${component.Name}:\n${lines([['Version', component.Version], ...Object.entries(component.Details ?? {})], '  ', 18)}`;
  }
  return text;
}
