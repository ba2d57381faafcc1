import { relative } from 'node:path';
import type { LocalPostgres } from '../adapters/postgres/local-server.ts';
import type { EmbeddedConfig } from '../config/config.ts';
import type { OpenInference } from './opened-inference.ts';

export type Started = {
  config: EmbeddedConfig;
  address: string;
  apiKey: string;
  model: OpenInference;
  database: LocalPostgres;
};

/** What a person needs to begin, once, on standard output. */
export function printStartBlock({ config, address, apiKey, model, database }: Started): void {
  const rows = [
    ['Address', address],
    ['API key', apiKey],
    ['Model', model.describe()],
    ['Data', config.dataDir],
    // Told only where it is not where one would look for it.
    ...(relative(config.dataDir, database.location).startsWith('..') ? [['Database', database.location]] : []),
  ];
  const lines = rows.map(([name, value]) => `  ${name!.padEnd(9)} ${value}`);
  process.stdout.write(`\nChatterBot is ready.\n\n${lines.join('\n')}\n\n  Ctrl-C stops it; nothing is lost.\n\n`);
}
