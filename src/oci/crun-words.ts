/**
 * crun's complaints in runc's words, which are those that Docker's users know and look up. What is not known here keeps
 * its words, with runc's quotes and Go's reasons.
 */
import { hostCodeOf, hostReason } from '../base/host-errors.ts';

interface Rewording {
  readonly pattern: RegExp;
  readonly words: (...parts: string[]) => string;
}

const INIT = 'error during container init: ';

/** The last part of each is the kernel's reason. */
const REWORDINGS: readonly Rewording[] = [
  {
    pattern: /^chdir(?: to)? `(.*)`: (.*)$/,
    words: (path, reason) => `chdir to cwd ("${path}") set in config.json failed: ${reason}`,
  },
  {
    pattern: /^mount `(.*)` to `(.*)`: (.*)$/,
    words: (source, target, reason) => {
      const place = target!.startsWith('/') ? target : `/${target}`;
      return `${INIT}error mounting "${source}" to rootfs at "${place}": mount ${source}:${place}: ${reason}`;
    },
  },
  {
    pattern: /^setrlimit `(.*)`: (.*)$/,
    words: (name, reason) => `${INIT}error setting rlimits for ready process: error setting ${name}: ${reason}`,
  },
  {
    pattern: /^writ(?:e|ing)(?: to)?(?: file)? `(.*)`: (.*)$/,
    words: (file, reason) =>
      file!.startsWith('/proc/sys/')
        ? `${INIT}write ${file}: ${reason}`
        : `unable to apply cgroup configuration: failed to write to ${file}: ${reason}`,
  },
];

export function inRuncWords(complaint: string): string {
  const reason = reasonOf(complaint);
  for (const { pattern, words } of REWORDINGS) {
    const parts = pattern.exec(complaint)?.slice(1);
    if (parts) return words(...parts.slice(0, -1), reasonOf(parts.at(-1)!) ?? parts.at(-1)!);
  }
  const start = reason === undefined ? complaint : complaint.slice(0, -reason.length) + reason;
  return start.replace(/`([^`']*)[`']/g, '"$1"');
}

/** 'no such file or directory' for a text that ends with "No such file or directory". */
function reasonOf(text: string): string | undefined {
  const code = hostCodeOf(text);
  return code === undefined ? undefined : hostReason(code);
}
