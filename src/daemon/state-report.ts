/** What of the state cannot be read, for `info` and `doctor`: each with the file that it is in and the way out. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage } from '../base/errors.ts';
import { ASIDE_IMAGE_ADVICE, describeAsideImage, readAsideImages } from '../image/aside-images.ts';
import { DAMAGED_INDEX_ADVICE, damagedIndexes } from '../image/index-repair.ts';
import {
  AsideDirectory,
  ASIDE_ADVICE,
  describeAside,
  describeReplaced,
  readRecord,
  REPLACED_ADVICE,
} from '../store/aside.ts';
import { TABLES } from '../store/store.ts';
import type { Finding } from './finding.ts';
import { RECORD_SHAPES } from './record-shapes.ts';

export const stateDirectory = (dataRoot: string): string => join(dataRoot, 'state');
export const imageDirectory = (dataRoot: string): string => join(dataRoot, 'image');

/** Reads files and changes none: the daemon may be running. */
export function examineState(dataRoot: string): Finding[] {
  const findings: Finding[] = [];
  const warn = (text: string, advice: string): void =>
    void findings.push({ level: 'warn', subject: 'state', text, advice });
  try {
    const directory = new AsideDirectory(stateDirectory(dataRoot));
    const replaced = new AsideDirectory(stateDirectory(dataRoot), 'replaced');
    for (const table of TABLES) {
      for (const { key, file, bytes } of replaced.list(table)) {
        const read = readRecord(bytes, key, RECORD_SHAPES[table]);
        warn(
          describeReplaced({ table, key, file, reason: 'reason' in read ? read.reason : 'it can be by now' }),
          REPLACED_ADVICE,
        );
      }
      for (const { key, file, bytes } of directory.list(table)) {
        const read = readRecord(bytes, key, RECORD_SHAPES[table]);
        if ('reason' in read) warn(describeAside({ table, key, file, reason: read.reason }), ASIDE_ADVICE);
        else warn(`${file} can be read again`, 'start the daemon again, and it is taken up');
      }
    }
    const state = stateDirectory(dataRoot);
    const damaged = existsSync(state) ? readdirSync(state).filter((name) => name.startsWith('data.mdb.damaged-')) : [];
    for (const name of damaged)
      warn(
        `the state was damaged, and a copy took its place; the damaged file is ${join(state, name)}`,
        'see whether containers and networks are as they should be, then delete that file',
      );
    const images = imageDirectory(dataRoot);
    for (const file of damagedIndexes(images))
      warn(`the image index was damaged and was made anew; the damaged file is ${file}`, DAMAGED_INDEX_ADVICE);
    for (const [id, image] of readAsideImages(images)) warn(describeAsideImage(images, id, image), ASIDE_IMAGE_ADVICE);
  } catch (error) {
    warn(`cannot be looked at: ${errorMessage(error)}`, 'run as root: sudo causeway doctor');
  }
  return findings.length > 0
    ? findings
    : [{ level: 'ok', subject: 'state', text: `nothing in ${dataRoot} is set aside` }];
}

const MOST_WARNINGS = 20;

/** The same for `info`. */
export function stateWarnings(dataRoot: string): string[] {
  const bad = examineState(dataRoot).filter(({ level }) => level !== 'ok');
  const warnings = bad.slice(0, MOST_WARNINGS).map(({ text, advice }) => `WARNING: ${text}: ${advice}`);
  return bad.length > MOST_WARNINGS
    ? [...warnings, `WARNING: ${bad.length - MOST_WARNINGS} more of the kind: causeway doctor`]
    : warnings;
}
