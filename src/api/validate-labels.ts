/** Labels of anything: they are in each listing and in each event. */
import { invalid } from '../base/errors.ts';

const MAX_LABEL_BYTES = 1024 * 1024;

export function validateLabels(labels: Readonly<Record<string, string>>): void {
  const bytes = totalBytes(Object.entries(labels).flat());
  if (bytes > MAX_LABEL_BYTES) throw invalid(`the labels are ${bytes} bytes long: at most ${MAX_LABEL_BYTES} are kept`);
}

export const totalBytes = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
