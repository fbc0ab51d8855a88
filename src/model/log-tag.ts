/** The option `tag` of log drivers: a template of what Docker's log drivers know of a container. */
import { GoMap, GoOpaque, GoStruct, NilSlice } from '../base/template/go-value.ts';
import { Template, TemplateError } from '../base/template/template.ts';
import { shortId } from './ids.ts';
import { refused } from './log-config.ts';

/** As the container was made with it. */
export interface TaggedContainer {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly args: readonly string[];
  readonly imageId: string;
  readonly image: string;
  /** 2026-11-26T22:13:08.761774532Z */
  readonly createdAt: string;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly logPath: string;
  /** Of the machine. */
  readonly hostname: string;
}

/** '{{.Name}}/{{upper .ID}}' filled in. @throws invalid in Go's words */
export function expandLogTag(template: string, container: TaggedContainer): string {
  if (!template.includes('{{')) return template;
  try {
    return new Template(template, 'log-tag').execute(infoOf(container), { bounded: true });
  } catch (error) {
    if (error instanceof TemplateError) throw refused(error.message);
    throw error;
  }
}

const stringMap = (entries: Readonly<Record<string, string>>): GoMap =>
  new GoMap(new Map(Object.entries(entries)), '', 'string', false);

const list = (items: readonly string[]): readonly unknown[] => (items.length === 0 ? new NilSlice() : items);

function infoOf(of: TaggedContainer): GoStruct {
  const fields = new Map<string, unknown>([
    ['Config', stringMap(of.options)],
    ['ContainerID', of.id],
    ['ContainerName', `/${of.name}`],
    ['ContainerEntrypoint', of.path],
    ['ContainerArgs', list(of.args)],
    ['ContainerImageID', of.imageId],
    ['ContainerImageName', of.image],
    ['ContainerCreated', timeOf(of.createdAt)],
    ['ContainerEnv', list(of.env)],
    ['ContainerLabels', stringMap(of.labels)],
    ['LogPath', of.logPath],
    ['DaemonName', 'docker'],
  ]);
  const methods = {
    Hostname: () => of.hostname,
    Command: () => [of.path, ...of.args].join(' '),
    ID: () => shortId(of.id),
    FullID: () => of.id,
    Name: () => of.name,
    ImageID: () => of.imageId.slice(0, 12),
    ImageFullID: () => of.imageId,
    ImageName: () => of.image,
  };
  return new GoStruct('*logger.Info', fields, Object.fromEntries(fields), methods);
}

/** time.Time, as far as a tag has a use for it. */
function timeOf(text: string): GoOpaque {
  const seconds = Math.floor(Date.parse(text) / 1000);
  const [, date = '', time = '', fraction = ''] = /^(\S+)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/.exec(text) ?? [];
  const short = fraction.replace(/\.?0+$/, '');
  const printed = `${date} ${time}${short} +0000 UTC`;
  return new GoOpaque('time.Time', printed, `${date}T${time}${short}Z`, {
    String: () => printed,
    Unix: () => seconds,
    UnixNano: () => BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(1).padEnd(9, '0')),
  });
}
