import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileTokenLog } from '../../src/adapters/file/token-log.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { tokenLogContract } from './token-log.contract.ts';

tokenLogContract('file', {
  faults: ['loseAll', 'crash'],
  start: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'token-log-'));
    const clock = new SystemClock();
    const logs = [new FileTokenLog({ folder, clock, maxOpenFiles: 2 })];
    return {
      log: logs[0] as FileTokenLog,
      settle: async () => {},
      // Somebody empties the folder; the process that notices is a new one.
      loseAll: async () => {
        const log = logs[0] as FileTokenLog;
        for (const name of readdirSync(folder)) await log.remove(name.split('.')[0] as string);
        for (const name of readdirSync(folder)) rmSync(join(folder, name));
      },
      // The one before is not closed down: its descriptors stay as a killed process leaves them.
      crash: async (id, torn = {}) => {
        for (const name of readdirSync(folder)) {
          const channel = name.split('.').at(-1) as 'text' | 'reasoning' | 'record';
          if (!name.startsWith(`${id}.`) || channel === 'record') continue;
          truncateSync(join(folder, name), statSync(join(folder, name)).size - (torn[channel] ?? 0));
        }
        const next = new FileTokenLog({ folder, clock, maxOpenFiles: 2 });
        logs.push(next);
        return next;
      },
      [Symbol.asyncDispose]: async () => {
        for (const log of logs) await log[Symbol.asyncDispose]();
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
});
