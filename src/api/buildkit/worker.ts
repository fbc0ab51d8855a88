/** This machine, as BuildKit's clients see whoever builds for them. */
import type { MessageValue } from '../../wire/protobuf.ts';
import type { workerRecord } from '../../wire/buildkit/control.ts';
import { HOST_PLATFORM } from '../../model/platform.ts';

export function workerOf(version: string): MessageValue<typeof workerRecord> {
  return {
    id: 'causeway',
    labels: new Map([['org.mobyproject.buildkit.worker.executor', 'causeway']]),
    platforms: [HOST_PLATFORM],
    version: buildkitVersion(version),
  };
}

export const buildkitVersion = (version: string) => ({ packageName: 'causeway', version: `v${version}`, revision: '' });
