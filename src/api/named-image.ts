/** The image that a request names with 'repo' and 'tag' parameters, or with 'fromImage' and 'tag'. */
import { forbidden, invalid } from '../base/errors.ts';
import {
  familiarName,
  familiarReference,
  parseReference,
  withDefaultTag,
  withTag,
  withTagOrDigest,
} from '../model/image-reference.ts';

/** 'app:1': ':latest' where no tag is named; '' where `repo` is empty. Throws kind `invalid` with Docker's words. */
export function repoTagReference(repo: string, tag: string): string {
  if (repo === '') return '';
  const reference = parseReference(repo);
  if (reference.digest !== '') throw invalid('cannot import digest reference');
  return familiarReference(tag === '' ? withDefaultTag(reference) : withTag(reference, tag));
}

/** What a pull asks for: `fromImage` may hold a tag or digest, and `tag` may be either too. Without both: all tags. */
export function pullReference(fromImage: string, tag: string): string {
  const reference = parseReference(fromImage.replace(/:$/, ''));
  if (familiarName(reference) === 'scratch') throw forbidden(`'scratch' is a reserved name`);
  if (tag === '') return familiarReference(reference);
  return familiarReference(withTagOrDigest(reference, tag));
}

/** What is pushed: every tag of the repository where `tag` is empty and the name has none. */
export function pushReference(name: string, tag: string): string {
  const reference = parseReference(name);
  return familiarReference(tag === '' ? reference : withTag(reference, tag));
}

/** The new name of an image. */
export function tagTarget(repo: string, tag: string): string {
  if (familiarName(parseReference(repo)) === 'sha256')
    throw invalid('refusing to create an ambiguous tag using digest algorithm as name');
  return repoTagReference(repo, tag);
}
