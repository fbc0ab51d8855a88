/** Platforms in a query: JSON of OCI's platform, in each parameter one. How many are read differs from route to route. */
import { invalid } from '../base/errors.ts';
import { platformOf, type Platform } from '../model/platform.ts';
import { fields, text, texts } from '../wire/go-fields.ts';
import { parseDocument } from '../wire/parse-body.ts';

const schema = fields({
  os: text(),
  architecture: text(),
  variant: text(),
  'os.version': text(),
  'os.features': texts(),
});
/** An image has a dozen of them. */
const MAX_PLATFORMS = 100;

/** For what looks at the first parameter alone; none where that is empty. @throws invalid */
export function firstPlatform(values: readonly string[]): Platform | undefined {
  const [first = ''] = values;
  return first === '' ? undefined : parse(first);
}

/** For what takes one, and refuses more before it reads any. @throws invalid */
export function onlyPlatform(values: readonly string[]): Platform | undefined {
  if (values.length > 1) throw invalid('multiple platform parameters not supported');
  return firstPlatform(values);
}

/** For what takes several; an empty one is one that cannot be read. @throws invalid */
export function everyPlatform(values: readonly string[]): Platform[] {
  if (values.length > MAX_PLATFORMS) throw invalid(`too many platforms: at most ${MAX_PLATFORMS} are taken`);
  return values.map(parse);
}

function parse(value: string): Platform {
  const { os, architecture, variant } = parseDocument(schema, 'v1.Platform', value, 'failed to parse platform');
  if (os === '' || architecture === '') throw invalid('both OS and Architecture must be provided');
  return platformOf(os, architecture, variant);
}
