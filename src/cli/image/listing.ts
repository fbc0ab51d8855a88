/** Rows of `images`: one for each tag, or digest, of an image. */
import type { ImageSummaryJson } from '../../wire/image.ts';
import { humanDuration } from '../format/duration.ts';
import { goTime, shortId, type ListShape, type Row } from '../format/list-output.ts';
import { humanSize } from '../format/size.ts';

export const imageShape: ListShape = {
  type: '*formatter.imageContext',
  headers: {
    ID: 'IMAGE ID',
    Repository: 'REPOSITORY',
    Tag: 'TAG',
    Digest: 'DIGEST',
    CreatedSince: 'CREATED',
    CreatedAt: 'CREATED AT',
    Size: 'SIZE',
    Containers: 'CONTAINERS',
    VirtualSize: 'SIZE',
    SharedSize: 'SHARED SIZE',
    UniqueSize: 'UNIQUE SIZE',
  },
};

export function imageFormat(format: string, quiet: boolean, digests: boolean): string {
  if (format === 'raw') {
    if (quiet) return 'image_id: {{.ID}}';
    const digest = digests ? 'digest: {{.Digest}}\n' : '';
    return `repository: {{ .Repository }}\ntag: {{.Tag}}\n${digest}image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n`;
  }
  if (quiet) return '{{.ID}}';
  if (format !== '' && format !== 'table') return format;
  return `table {{.Repository}}\\t{{.Tag}}\\t${digests ? '{{.Digest}}\\t' : ''}{{.ID}}\\t{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}\\t{{.Size}}`;
}

interface Name {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

/** "busybox:latest" as ["busybox", "latest"]: a colon in front of a slash belongs to the registry. */
function splitTag(reference: string): [string, string] {
  const colon = reference.lastIndexOf(':');
  return colon > reference.lastIndexOf('/') ? [reference.slice(0, colon), reference.slice(colon + 1)] : [reference, ''];
}

/** Without --digests one row a tag; with it a row for each pair of a tag and a digest of the same repository. */
function namesOf(image: ImageSummaryJson, digests: boolean): Name[] {
  const tags = new Map<string, string[]>();
  for (const reference of image.RepoTags ?? []) {
    const [repository, tag] = splitTag(reference);
    if (repository !== '<none>') tags.set(repository, [...(tags.get(repository) ?? []), tag]);
  }
  const digestsOf = new Map<string, string[]>();
  for (const reference of image.RepoDigests ?? []) {
    const [repository = '', digest = ''] = reference.split('@');
    if (repository !== '<none>') digestsOf.set(repository, [...(digestsOf.get(repository) ?? []), digest]);
  }
  const names: Name[] = [];
  for (const [repository, ofRepository] of tags) {
    const known = digestsOf.get(repository) ?? [];
    digestsOf.delete(repository);
    for (const tag of ofRepository) {
      if (!digests || known.length === 0) names.push({ repository, tag, digest: '<none>' });
      else for (const digest of known) names.push({ repository, tag, digest });
    }
  }
  for (const [repository, known] of digestsOf) {
    for (const digest of digests ? known : known.slice(0, 1)) names.push({ repository, tag: '<none>', digest });
  }
  return names.length > 0 ? names : [{ repository: '<none>', tag: '<none>', digest: '<none>' }];
}

export function imageRows(
  images: readonly ImageSummaryJson[],
  options: { truncate: boolean; digests: boolean },
): Row[] {
  return images.flatMap((image) =>
    namesOf(image, options.digests).map((name) => imageRow(image, name, options.truncate)),
  );
}

function imageRow(image: ImageSummaryJson, { repository, tag, digest }: Name, truncate: boolean): Row {
  const created = new Date(image.Created * 1000);
  const known = (size: number) => (size === -1 || size === undefined ? 'N/A' : humanSize(size));
  return {
    Containers: () => (image.Containers === -1 ? 'N/A' : String(image.Containers)),
    CreatedAt: () => goTime(created),
    CreatedSince: () => `${humanDuration((Date.now() - created.getTime()) / 1000)} ago`,
    Digest: () => digest,
    ID: () => (truncate ? shortId(image.Id) : image.Id),
    Repository: () => repository,
    SharedSize: () => known(image.SharedSize),
    Size: () => humanSize(image.Size, 3),
    Tag: () => tag,
    UniqueSize: () => (image.SharedSize === -1 ? 'N/A' : humanSize(image.Size - image.SharedSize)),
    VirtualSize: () => humanSize(image.Size),
  };
}
