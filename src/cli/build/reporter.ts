/** What a build shows: nothing until it has ended, the classic builder's lines, or the steps in place. */
import type { FlagSet } from '../command/flag-set.ts';
import { humanSize } from '../format/size.ts';
import { progressLines, type Message } from '../terminal/json-progress.ts';
import { writeAll } from '../terminal/output.ts';
import { screenHeight, screenWidth } from '../terminal/screen.ts';
import { isTerminal } from '../terminal/terminal-device.ts';
import { isQuiet } from './build-query.ts';
import { BuildView } from './build-view.ts';

export interface Reporter {
  readonly sending: (bytes: number, isAll: boolean) => void;
  /** The same of files that the daemon asks for in the middle of a build. */
  readonly asked: (bytes: number, isAll: boolean) => void;
  readonly show: (message: Message) => void;
  /** Returns what a quiet build said. */
  end(failed: boolean): string;
}

/** Of a quiet build, which is shown if it fails. */
const MAX_HELD_CHARS = 16 * 1024 * 1024;
const DEFAULT_WIDTH = 80;
const DEFAULT_HEIGHT = 24;
const SENDING_EVERY_MS = 100;

/** `fd`: standard error where standard output is for what was built. */
export function reporter(flags: FlagSet, fd: 1 | 2 = 1): Reporter {
  const progress = flags.string('progress');
  if (isQuiet(flags)) return quietReporter(fd);
  const isScreen = progress === 'tty' || (progress === 'auto' && isTerminal(fd) && process.env['TERM'] !== 'dumb');
  return isScreen ? screenReporter(fd) : plainReporter(fd);
}

const sendingText = (bytes: number) => `Sending build context to Causeway daemon ${humanSize(bytes).padStart(8)}`;

function quietReporter(fd: 1 | 2): Reporter {
  let held = '';
  const hold = (text: string) => {
    if (held.length < MAX_HELD_CHARS) held += text;
  };
  let sent = '';
  const sending = (bytes: number, isAll: boolean): void => {
    if (isAll) sent = `${sendingText(bytes)}\r\r\n`;
  };
  return {
    sending,
    asked: sending,
    show: progressLines(fd, false, hold, true),
    end: (failed) => {
      if (failed) writeAll(2, `${sent}${held}`);
      else writeAll(fd, held);
      return held;
    },
  };
}

function plainReporter(fd: 1 | 2): Reporter {
  const terminal = isTerminal(fd);
  const write = (text: string): void => writeAll(fd, text);
  return {
    sending: sendingLine(terminal, write),
    asked: sendingLine(terminal, write),
    show: progressLines(fd, terminal, write, true),
    end: () => '',
  };
}

/** Without a terminal only the whole of it. */
function sendingLine(terminal: boolean, write: (text: string) => void): Reporter['sending'] {
  let lastMs = 0;
  return (bytes, isAll) => {
    const nowMs = Date.now();
    if (!isAll && (!terminal || nowMs - lastMs < SENDING_EVERY_MS)) return;
    lastMs = nowMs;
    write(`${terminal ? '\x1b[2K\r' : ''}${sendingText(bytes)}\r${isAll ? '\r\n' : ''}`);
  };
}

function screenReporter(fd: 1 | 2): Reporter {
  const write = (text: string) => writeAll(fd, text);
  const view = new BuildView({
    width: () => screenWidth(fd) ?? DEFAULT_WIDTH,
    height: () => screenHeight(fd) ?? DEFAULT_HEIGHT,
    write,
    now: () => performance.now(),
  });
  return {
    sending: sendingLine(true, write),
    asked: (bytes) => view.take({ id: 'context', status: `sent ${humanSize(bytes)}` }),
    show: (message) => view.take(message),
    end: (failed) => {
      view.end(failed);
      return '';
    },
  };
}
