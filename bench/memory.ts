/** Memory of processes, from the kernel's own counts. */
import { readFileSync, writeFileSync } from 'node:fs';

export interface Memory {
  /** Resident pages, those in common with others counted for each. */
  readonly rssMb: number;
  /** Pages in common divided among those who have them. */
  readonly pssMb: number;
}

/** Megabytes are 10^6 bytes. A process that ends while we look counts nothing. */
export function memoryOf(pids: Iterable<number>): Memory {
  let rssKib = 0;
  let pssKib = 0;
  for (const pid of pids) {
    try {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      rssKib += Number(/^Rss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
      pssKib += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    } catch {
      // It has ended.
    }
  }
  return { rssMb: (rssKib * 1024) / 1e6, pssMb: (pssKib * 1024) / 1e6 };
}

/** How many megabytes more the processes had at most during the work than before it, each at its own worst moment. */
export async function peakOf<T>(
  pids: Iterable<number>,
  work: () => Promise<T>,
): Promise<{ result: T; peakMb: number }> {
  const list = [...pids];
  for (const pid of list) writeFileSync(`/proc/${pid}/clear_refs`, '5');
  const before = sumOf(list, 'VmRSS');
  const result = await work();
  return { result, peakMb: Math.max(0, (sumOf(list, 'VmHWM') - before) * 1024) / 1e6 };
}

function sumOf(pids: readonly number[], field: 'VmRSS' | 'VmHWM'): number {
  return pids.reduce((sum, pid) => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return sum + Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    } catch {
      return sum; // it has ended
    }
  }, 0);
}
