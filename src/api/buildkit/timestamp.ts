import type { MessageValue } from '../../wire/protobuf.ts';
import type { timestamp } from '../../wire/buildkit/control.ts';

/** google.protobuf.Timestamp. */
export function timestampOf(ms: number): MessageValue<typeof timestamp> {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1_000_000) };
}
