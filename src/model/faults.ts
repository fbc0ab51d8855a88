/** Docker's list of faults: one stands alone, more become bullets. */
export function joinFaults(faults: readonly string[]): string {
  if (faults.length === 1) return faults[0]!.trim();
  return faults.map((fault) => `* ${fault.replaceAll('\n', '\n\t')}`).join('\n');
}
