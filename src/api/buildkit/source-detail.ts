/** The place of an error in a Dockerfile, as clients show it with the lines around it. */
import type { ErrorDetail } from '../../base/grpc/grpc-status.ts';

const TYPE = 'github.com/moby/buildkit/errdefs.Source+json';
/** Lines before and after that are sent: clients show fewer. The others are there, and empty. */
const AROUND = 10;
const MAX_LINE_CHARS = 400;

export function sourceDetail(
  { filename, text }: { readonly filename: string; readonly text: string },
  line: number,
): ErrorDetail {
  const lines = text
    .split('\n')
    .slice(0, line + AROUND)
    .map((one, i) => (i + 1 < line - AROUND ? '' : one.slice(0, MAX_LINE_CHARS)));
  const position = { line };
  const source = {
    info: { filename, data: Buffer.from(lines.join('\n')).toString('base64'), language: 'Dockerfile' },
    ranges: [{ start: position, end: position }],
  };
  return { typeUrl: TYPE, value: Buffer.from(JSON.stringify(source)) };
}
