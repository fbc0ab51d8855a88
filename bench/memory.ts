/** Memory of processes, from the kernel's own counts. */
import { readFileSync } from 'node:fs';

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
