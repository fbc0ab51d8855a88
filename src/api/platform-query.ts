/** Platforms in a query: JSON of OCI's platform, once or several times. */
import { invalid } from '../base/errors.ts';
import { platformOf, type Platform } from '../model/platform.ts';
import { fields, text } from '../wire/go-fields.ts';
import { parseBody } from '../wire/parse-body.ts';
import type { Call } from './call.ts';

const schema = fields({ os: text(), architecture: text(), variant: text() });
/** An image has a dozen of them. */
const MAX_PLATFORMS = 100;

/** None where the parameter is absent or empty, or the version does not know it yet. @throws invalid */
export function platformsIn(call: Call, name: string, since: string): Platform[] {
  const texts = call.olderThan(since) ? [] : call.query.texts(name).filter((one) => one !== '');
  if (texts.length > MAX_PLATFORMS) throw invalid(`too many platforms: at most ${MAX_PLATFORMS} are taken`);
  return texts.map((one) => {
    const { os, architecture, variant } = parseBody(schema, 'Platform', one, 'failed to parse platform');
    if (os === '' || architecture === '') throw invalid('both OS and Architecture must be provided');
    return platformOf(os, architecture, variant);
  });
}

/** For what takes one. */
export function platformIn(call: Call, name: string, since: string): Platform | undefined {
  const platforms = platformsIn(call, name, since);
  if (platforms.length > 1) throw invalid('multiple platform parameters not supported');
  return platforms[0];
}
