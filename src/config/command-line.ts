import { nearestName } from '../lib/nearest-name.ts';
import { flagOf, SETTING_NAMES, type SettingName } from './settings.ts';

export type CommandName = keyof typeof COMMANDS;
export type Command =
  | { kind: 'serve' }
  | { kind: CommandName; args: readonly string[] }
  | { kind: 'help' }
  | { kind: 'version' };

export type CommandLine = {
  command: Command;
  flags: readonly { name: SettingName; text: string }[];
  problems: readonly string[];
};

export const COMMANDS = {
  api: {
    usage: ['api'],
    description: 'one of many: HTTP, streams, and direct runs',
  },
  worker: {
    usage: ['worker'],
    description: 'one of many: takes jobs from the lanes, and sees to what stands still',
  },
  cluster: {
    usage: ['cluster [--apis N] [--workers N] [--port P] [--json] …'],
    description: 'all of it on this machine, from installed servers: databases, broker, Redis, proxy; cluster --help',
  },
  deploy: {
    usage: ['deploy --model MODEL [--quantization Q] [--replicas MIN:MAX] [--lora PATH] [--init-db] …'],
    description: 'has Ray Serve and vLLM at RAY_ADDRESS serve a model, and waits until it answers; deploy --help',
  },
  migrate: {
    usage: ['migrate'],
    description: 'brings the schema of every shard up to date; safe while serving',
  },
  shards: {
    usage: [
      'shards status',
      'shards add NAME URL [REPLICA_URL …]',
      'shards rebalance',
      'shards drain NAME',
      'shards compare NAME [URL]',
      'shards reconcile NAME [URL]',
    ],
    description:
      'databases that users live on: take a new one in, see how they are, move users between them; compare one that was restored to an earlier moment with the directory, and make the two agree',
  },
  archive: {
    usage: ['archive [MONTHS]'],
    description: 'packs messages that are older than so many whole months; they are read as before',
  },
  keys: {
    usage: [
      'keys add NAME [WORKSPACE] [--tokens-per-day N] [--tokens-per-month N]',
      'keys limit ID --tokens-per-day N|none | --tokens-per-month N|none',
      'keys list [WORKSPACE]',
      'keys revoke ID',
    ],
    description:
      'API keys: make one, which is shown once, and set its budgets; show whose there are; end one within a second',
  },
  users: {
    usage: ['users delete WORKSPACE USER'],
    description: 'removes everything that is kept of a user, from every database, and prints the receipt',
  },
  webhooks: {
    usage: ['webhooks secret [WORKSPACE]', 'webhooks list', 'webhooks replay ID|all'],
    description: 'notices of answers: the key that a receiver checks them by, those that nobody took, send them again',
  },
  'dead-letters': {
    usage: ['dead-letters list', 'dead-letters replay ID|all'],
    description: 'generations that failed past their attempts: show them, or queue them again',
  },
} as const;

/** Flags of a command that are no settings: they are among its arguments, each followed by its value. */
const OWN_FLAGS: Partial<Record<string, readonly string[]>> = { keys: ['--tokens-per-day', '--tokens-per-month'] };

/**
 * Words are the command and its arguments; everything with `--` is a setting, wherever it stands. `cluster` and
 * `deploy` have flags of their own only, and take settings from the environment.
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const [first, ...rest] = argv;
  if (first === 'cluster' || first === 'deploy') {
    return { command: { kind: first, args: rest }, flags: [], problems: [] };
  }
  const names = new Map(SETTING_NAMES.map((name) => [flagOf(name), name]));
  const words: string[] = [];
  const flags: { name: SettingName; text: string }[] = [];
  const problems: string[] = [];
  let special: Command | undefined;

  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--help' || word === '-h') special = { kind: 'help' };
    else if (word === '--version') special ??= { kind: 'version' };
    else if (!word.startsWith('-')) words.push(word);
    else {
      const equals = word.indexOf('=');
      const flag = equals < 0 ? word : word.slice(0, equals);
      const name = names.get(flag);
      const next = argv[i + 1];
      const own = OWN_FLAGS[words[0] ?? ''] ?? [];
      if (own.includes(flag)) {
        words.push(flag, equals < 0 ? (next ?? '') : word.slice(equals + 1));
        if (equals < 0) i++;
      } else if (name === undefined) {
        problems.push(
          `${flag} (flag): there is no such flag${suggest(flag, [...names.keys(), ...own, '--help', '--version'])}`,
        );
        // Its value, if it has one, is not to be taken for a command.
        if (equals < 0 && next !== undefined && !next.startsWith('-')) i++;
      } else if (equals >= 0) flags.push({ name, text: word.slice(equals + 1) });
      else if (next === undefined || next.startsWith('--')) problems.push(`${flag} (flag): a value is missing`);
      else {
        flags.push({ name, text: next });
        i++;
      }
    }
  }
  const command = special ?? commandOf(words, problems);
  return { command, flags, problems };
}

function commandOf(words: readonly string[], problems: string[]): Command {
  const [name, ...args] = words;
  if (name === undefined) return { kind: 'serve' };
  if (name === 'help' || name === 'version') return { kind: name };
  if (Object.hasOwn(COMMANDS, name)) return { kind: name as CommandName, args };
  problems.push(`${name}: there is no such command${suggest(name, Object.keys(COMMANDS))}`);
  return { kind: 'help' };
}

export function suggest(name: string, candidates: readonly string[]): string {
  const nearest = nearestName(name, candidates);
  return nearest === null ? '; see --help' : `; did you mean ${nearest}?`;
}
