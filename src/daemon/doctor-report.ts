/** `causeway doctor`: what on the host is an obstacle, and what to do about it. */
import { readDaemonOptions } from './options/read.ts';
import { daemonConfig } from './daemon-config.ts';
import { examineHost } from './doctor-checks.ts';
import type { Finding } from './finding.ts';

const SIGNS: Record<Finding['level'], string> = { ok: 'ok  ', note: 'note', warn: 'warn', fail: 'FAIL' };

/** Prints a line per check; 1 if anything would keep the engine from working. */
export async function runDoctor(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(
      '\nUsage:  causeway doctor [DAEMON OPTIONS]\n\nCheck that this host can run containers, and say what to do where it cannot\n\n',
    );
    return 0;
  }
  const json = argv.includes('--json');
  const config = daemonConfig(readDaemonOptions(argv.filter((arg) => arg !== '--json')));
  const findings = await examineHost(config);
  if (json) {
    process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  } else {
    for (const { level, subject, text, advice } of findings) {
      process.stdout.write(`${SIGNS[level]}  ${subject}: ${text}\n`);
      if (advice !== undefined) process.stdout.write(`      -> ${advice}\n`);
    }
  }
  return findings.some((finding) => finding.level === 'fail') ? 1 : 0;
}
