/** Switches of `features` in daemon.json and of --feature: 'buildkit=false'. */
import { readGoBoolean } from '../base/go-boolean.ts';
import type { DaemonConfig } from './config-shape.ts';

/** The last word about it counts; what nobody speaks of is not off. */
export function isFeatureOff({ features }: Pick<DaemonConfig, 'features'>, name: string): boolean {
  const last = features.findLast((one) => one.startsWith(`${name}=`));
  return last !== undefined && readGoBoolean(last.slice(name.length + 1)) === false;
}
