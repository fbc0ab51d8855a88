/** Platforms in a query: JSON of OCI's platform, once or several times. */
import { invalid } from '../base/errors.ts';
import { platformOf, type Platform } from '../model/platform.ts';
import { fields, text } from '../wire/go-fields.ts';
import { parseBody } from '../wire/parse-body.ts';

const schema = fields({ os: text(), architecture: text(), variant: text() });
/** An image has a dozen of them. */
const MAX_PLATFORMS = 100;

/** None where the values of the parameter are empty. @throws invalid */
export function platformsIn(values: readonly string[]): Platform[] {
  const texts = values.filter((one) => one !== '');
  if (texts.length > MAX_PLATFORMS) throw invalid(`too many platforms: at most ${MAX_PLATFORMS} are taken`);
  return texts.map((one) => {
    const { os, architecture, variant } = parseBody(schema, 'Platform', one, 'failed to parse platform');
    if (os === '' || architecture === '') throw invalid('both OS and Architecture must be provided');
    return platformOf(os, architecture, variant);
  });
}

/** For what takes one. */
export function platformIn(values: readonly string[]): Platform | undefined {
  const platforms = platformsIn(values);
  if (platforms.length > 1) throw invalid('multiple platform parameters not supported');
  return platforms[0];
}
