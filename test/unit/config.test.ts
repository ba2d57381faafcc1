import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../src/config/command-line.ts';
import { buildConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { readSettings } from '../../src/config/env.ts';
import type { Setting } from '../../src/config/setting.ts';
import { SETTING_NAMES, SETTINGS } from '../../src/config/settings.ts';

type Given = { argv?: string[]; environment?: Record<string, string>; dotEnv?: string };

function read({ argv = [], environment = {}, dotEnv }: Given) {
  const { flags, problems } = parseCommandLine(argv);
  if (problems.length > 0) throw new ConfigError(problems);
  return readSettings({ flags, environment, dotEnv: dotEnv ?? null });
}

function configure(given: Given = {}) {
  return buildConfig(read(given), { workingDirectory: '/srv/chat', isTerminal: false });
}

function problemsOf(given: Given): readonly string[] {
  try {
    configure(given);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const KEY = 'a-key-of-enough-length';

function engineOf(environment: Record<string, string>) {
  const { inference } = configure({ environment });
  if (inference.kind !== 'engine') throw new Error('expected the embedded engine');
  return inference.engine;
}

describe('sources', () => {
  test('a flag wins over the environment, the environment over .env', () => {
    const dotEnv = 'PORT=1\nMAX_ATTEMPTS=7\nLEASE_MS=2000';
    const config = configure({ argv: ['--port=3'], environment: { PORT: '2', MAX_ATTEMPTS: '8' }, dotEnv });
    expect([config.listen.port, config.attempts.max, config.leaseMs]).toEqual([3, 8, 2000]);
  });

  test('flags of a command are among its arguments, those of settings are not', () => {
    const argv = ['keys', 'add', 'laptop', '--tokens-per-day', '1000', '--port=1', '--tokens-per-month=none'];
    const line = parseCommandLine(argv);
    expect(line.command).toEqual({
      kind: 'keys',
      args: ['add', 'laptop', '--tokens-per-day', '1000', '--tokens-per-month', 'none'],
    });
    expect(line.flags).toEqual([{ name: 'PORT', text: '1' }]);
    expect(parseCommandLine(['users', 'delete', '--tokens-per-day=1']).problems).toHaveLength(1);
  });

  test('a flag takes its value after = or as the next word, before or after the command', () => {
    const line = parseCommandLine(['--port', '1', 'dead-letters', '--host=::1', 'replay', 'all']);
    expect(line).toEqual({
      command: { kind: 'dead-letters', args: ['replay', 'all'] },
      flags: [
        { name: 'PORT', text: '1' },
        { name: 'HOST', text: '::1' },
      ],
      problems: [],
    });
  });

  test('.env takes comments, export and quotes', () => {
    const dotEnv = '\uFEFF# a comment\n\nexport PORT=9 # why\nDATA_DIR="/a b/#c" # d\r\nMODEL=\'x.gguf\'\nHOST=\n';
    expect(read({ dotEnv })).toEqual({ PORT: 9, DATA_DIR: '/a b/#c', MODEL: { kind: 'path', path: 'x.gguf' } });
  });

  test('an empty variable counts as not given, an empty flag does not', () => {
    expect(read({ environment: { PORT: '' } })).toEqual({});
    expect(problemsOf({ argv: ['--port='] })).toEqual(['--port (flag): "" is not a whole number, from 0 to 65535']);
  });

  test('every default is a value that its own setting accepts', () => {
    for (const name of SETTING_NAMES) {
      const { default: text, otherwise, type } = SETTINGS[name] as Setting;
      if (text === undefined) expect(otherwise, name).toBeTypeOf('string');
      else expect(type.parse(text), name).toBeDefined();
    }
    expect(problemsOf({})).toEqual([]);
  });
});

describe('refusals', () => {
  test('name what is unknown, where it stands, and what was meant', () => {
    expect(problemsOf({ argv: ['--prot=1'] })).toEqual(['--prot (flag): there is no such flag; did you mean --port?']);
    expect(problemsOf({ argv: ['dead-leters'] })).toEqual([
      'dead-leters: there is no such command; did you mean dead-letters?',
    ]);
    expect(problemsOf({ dotEnv: 'PORT=1\nRATE_LIMIT_CHATS_PER_MINUTE=3\nQQQQQ=1\nno sense' })).toEqual([
      '.env, line 4: expected NAME=value',
      'RATE_LIMIT_CHATS_PER_MINUTE (.env, line 2): there is no such setting; did you mean RATE_LIMIT_CHAT_PER_MINUTE?',
      'QQQQQ (.env, line 3): there is no such setting; see --help',
    ]);
    expect(problemsOf({ argv: ['--port'] })).toEqual(['--port (flag): a value is missing']);
  });

  test('an unknown variable of the environment is none of ours', () => {
    expect(problemsOf({ environment: { PROT: '1', HOME: '/' } })).toEqual([]);
  });

  test('a malformed value is refused even where another source wins', () => {
    expect(problemsOf({ argv: ['--port=1'], environment: { PORT: '1e3' }, dotEnv: 'PORT=x' })).toEqual([
      'PORT (.env, line 1): "x" is not a whole number, from 0 to 65535',
      'PORT (environment): "1e3" is not a whole number, from 0 to 65535',
    ]);
  });

  test.each([
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '0x10'],
    ['SYNC_TIMEOUT', '2m'],
    ['LOG_LEVEL', 'loud'],
    ['HOST', 'http://localhost'],
    ['HOST', 'a b'],
    ['PUBLIC_URL', 'chat.example.org'],
    ['PUBLIC_URL', 'https://chat.example.org/path'],
    ['PUBLIC_URL', 'ftp://chat.example.org'],
    ['MODEL', 'two words'],
    ['MAX_BODY_BYTES', '9007199254740993'],
  ])('%s=%s', (name, text) => {
    const [problem, ...more] = problemsOf({ environment: { [name]: text } });
    expect(problem).toContain(`${name} (environment): "${text}" is not `);
    expect(more).toEqual([]);
  });

  test('a key is never printed', () => {
    for (const text of ['secret key', 'UPPER:secretkey', 'a,,b', 'w:secret:key']) {
      const problems = problemsOf({ environment: { API_KEYS: text } }).join('\n');
      expect(problems).toContain('API_KEYS (environment)');
      expect(problems).not.toContain(text);
    }
  });

  test.each([
    [
      { RETRY_DELAY_MS: '2000', RETRY_DELAY_MAX_MS: '1000' },
      'RETRY_DELAY_MS (2000) must not exceed RETRY_DELAY_MAX_MS',
    ],
    [{ FLUSH_WINDOW_MS: '300' }, 'FLUSH_WINDOW_MS (300) must not exceed FLUSH_WINDOW_MAX_MS (250)'],
    [{ SEED_MAX_MESSAGE_CHARS: '32001' }, 'SEED_MAX_MESSAGE_CHARS (32001) must not exceed MAX_MESSAGE_CHARS (32000)'],
    [{ MAX_WAITING: '10' }, 'MAX_WAITING_PER_USER (5000) must not exceed MAX_WAITING (10)'],
    [{ MAX_BODY_BYTES: '32000' }, 'MAX_BODY_BYTES (32000) must be at least 6 times MAX_MESSAGE_CHARS'],
    [{ LANE_RESERVE_STREAM: '3', LANE_RESERVE_CHAT: '2' }, 'together (5) must not exceed MAX_CONCURRENT (4)'],
    [{ LANE_RESERVE_STREAM: '4' }, 'LANE_RESERVE_STREAM (4) must be below MAX_CONCURRENT (4)'],
  ])('%j contradicts itself', (environment, problem) => {
    expect(problemsOf({ environment: environment as Record<string, string> }).join('\n')).toContain(problem);
  });
});

describe('who may reach the server', () => {
  test('only this machine: no key is needed', () => {
    for (const host of ['127.0.0.1', '127.8.0.1', 'localhost', '::1']) {
      expect(configure({ environment: { HOST: host } }).access).toEqual({ kind: 'local', keys: [] });
    }
  });

  test.each([
    ['HOST', '0.0.0.0'],
    ['HOST', '::'],
    ['HOST', '192.168.1.4'],
    ['HOST', '127.0.0.1.example.org'],
    ['PUBLIC_URL', 'https://chat.example.org'],
  ])('%s=%s needs keys, and long ones', (name, text) => {
    expect(problemsOf({ environment: { [name]: text } })).toEqual([
      `${name}=${text} lets other machines in: set API_KEYS, or anybody there could use this server`,
    ]);
    expect(problemsOf({ environment: { [name]: text, API_KEYS: `${KEY},short` } })).toHaveLength(1);
    const { access } = configure({ environment: { [name]: text, API_KEYS: `${KEY}, acme:${KEY}2` } });
    expect(access).toEqual({
      kind: 'keys',
      keys: [
        { workspace: 'default', key: KEY },
        { workspace: 'acme', key: `${KEY}2` },
      ],
    });
  });

  test('a key belongs to one workspace', () => {
    expect(problemsOf({ environment: { API_KEYS: `a:${KEY},b:${KEY}` } })).toEqual([
      'API_KEYS: the workspaces a and b have the same key',
    ]);
  });
});

describe('defaults', () => {
  test.each([
    [{}, { total: 4, reserved: { stream: 2, chat: 1, batch: 1 } }],
    [{ MAX_CONCURRENT: '1' }, { total: 1, reserved: { stream: 0, chat: 0, batch: 0 } }],
    [{ MAX_CONCURRENT: '3' }, { total: 3, reserved: { stream: 1, chat: 0, batch: 0 } }],
    [{ MAX_CONCURRENT: '16' }, { total: 16, reserved: { stream: 8, chat: 4, batch: 4 } }],
    [{ LANE_RESERVE_CHAT: '3' }, { total: 4, reserved: { stream: 1, chat: 3, batch: 0 } }],
  ])('reserved slots of %j', (environment, slots) => {
    expect(configure({ environment: environment as Record<string, string> }).slots).toEqual(slots);
  });

  test('paths are absolute, models are told apart, times are milliseconds', () => {
    const config = configure({ environment: { SYNC_TIMEOUT: '0.5', MODEL: 'm/x.gguf' } });
    expect(config.dataDir).toBe('/srv/chat/data');
    expect(engineOf({ MODEL: 'm/x.gguf' })).toMatchObject({
      modelsDir: '/srv/chat/data/models',
      model: { kind: 'path', path: '/srv/chat/m/x.gguf' },
    });
    expect(config.syncTimeoutMs).toBe(500);
    expect(config.log.format).toBe('json');
    expect(engineOf({}).model).toEqual({ kind: 'automatic' });
    expect(engineOf({ MODEL: 'Qwen2.5-0.5B' }).model).toEqual({ kind: 'catalogue', name: 'Qwen2.5-0.5B' });
    expect(engineOf({ MODEL_NAME: 'Qwen2.5-0.5B' }).model).toEqual({ kind: 'catalogue', name: 'Qwen2.5-0.5B' });
    expect(engineOf({ MODEL: 'https://h.example/m.gguf' }).model.kind).toBe('url');
    expect(configure({ argv: ['--data-dir=/x'] }).dataDir).toBe('/x');
    expect(engineOf({ DATA_DIR: '/x', MODELS_DIR: '/y' }).modelsDir).toBe('/y');
  });
});

const DATABASES = { DATABASE_URLS: 'postgresql://a/chat' };
const SERVERS = {
  ...DATABASES,
  RABBITMQ_URI: 'amqp://mq',
  REDIS_STATE_URL: 'redis://state',
  REDIS_CACHE_URL: 'redis://cache',
};

function configureServer(environment: Record<string, string>) {
  return buildConfig(read({ environment }), { workingDirectory: '/srv/chat', isTerminal: false }, 'distributed');
}

function serverProblems(environment: Record<string, string>): readonly string[] {
  try {
    configureServer(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('many machines', () => {
  test('addresses as they are written', () => {
    const config = configureServer({
      ...SERVERS,
      DATABASE_URLS: 'postgresql://u:p@a/chat|postgresql://a2/chat;weight=2, postgres://b:5433/chat',
      DIRECTORY_URL: 'postgresql://d/chat',
      RABBITMQ_URI: 'amqp://u:p@mq1:5672,mq2,mq3/vhost',
      REDIS_STATE_URL: 'rediss+sentinel://s1:26379,s2/state',
      REDIS_CACHE_URL: 'redis+cluster://c1:7000,c2:7001/',
    });
    expect(config.machines).toEqual({
      shards: [
        { primary: 'postgresql://u:p@a/chat', replicas: ['postgresql://a2/chat'], weight: 2 },
        { primary: 'postgres://b:5433/chat', replicas: [], weight: 1 },
      ],
      directory: 'postgresql://d/chat',
    });
    expect(config.services).toEqual({
      broker: 'amqp://u:p@mq1:5672,mq2,mq3/vhost',
      redis: { state: 'rediss+sentinel://s1:26379,s2/state', cache: 'redis+cluster://c1:7000,c2:7001' },
    });
    expect(config.access.kind).toBe('database');
  });

  test('one Redis for both by host and port', () => {
    const { REDIS_STATE_URL: _, REDIS_CACHE_URL: __, ...rest } = SERVERS;
    const both = (url: string) => ({ state: url, cache: url });
    expect(configureServer({ ...rest, REDIS_HOST: 'r' }).services.redis).toEqual(both('redis://r:6379'));
    expect(configureServer({ ...rest, REDIS_HOST: '::1', REDIS_PORT: '1' }).services.redis).toEqual(
      both('redis://[::1]:1'),
    );
  });

  test('an inference server instead of an engine, there and on one machine', () => {
    const given = { INFERENCE_URL: 'http://vllm:8000/v1/', INFERENCE_API_KEY: 'k', MODEL_NAME: 'Qwen/Qwen2.5-7B' };
    const server = { kind: 'server', server: { url: 'http://vllm:8000/v1', apiKey: 'k', model: 'Qwen/Qwen2.5-7B' } };
    expect(configureServer({ ...SERVERS, ...given }).inference).toMatchObject(server);
    expect(configureServer({ ...SERVERS, ...given }).slots.total).toBe(100);
    expect(configure({ environment: given }).inference).toMatchObject(server);
    expect(configureServer(SERVERS).slots.total).toBe(4);
  });

  test('other machines may be let in: the databases know the keys', () => {
    expect(configureServer({ ...SERVERS, HOST: '0.0.0.0' }).access).toEqual({ kind: 'database', keys: [] });
    expect(serverProblems({ ...SERVERS, HOST: '0.0.0.0', API_KEYS: 'short' })).toHaveLength(1);
  });

  test('what a server lacks is named, all of it', () => {
    expect(serverProblems({})).toEqual([
      'DATABASE_URLS is needed: which databases hold the shards?',
      'RABBITMQ_URI is needed: which broker holds the lanes?',
      'REDIS_STATE_URL and REDIS_CACHE_URL are needed, or REDIS_HOST for both',
    ]);
  });

  test.each([
    [
      { REDIS_HOST: 'r' },
      ['REDIS_HOST and REDIS_STATE_URL exclude each other', 'REDIS_HOST and REDIS_CACHE_URL exclude each other'],
    ],
    [{ REDIS_CACHE_URL: '' }, ['REDIS_STATE_URL is of no use without REDIS_CACHE_URL']],
    [{ REDIS_STATE_URL: '' }, ['REDIS_CACHE_URL is of no use without REDIS_STATE_URL']],
    [{ RABBITMQ_URI: '' }, ['RABBITMQ_URI is needed: which broker holds the lanes?']],
    [
      { DATABASE_URLS: '', DIRECTORY_URL: 'postgresql://d/chat' },
      ['DIRECTORY_URL is of no use without DATABASE_URLS', 'DATABASE_URLS is needed: which databases hold the shards?'],
    ],
    [{ REDIS_PORT: '1' }, ['REDIS_PORT is of no use without REDIS_HOST']],
    [{ MODEL: 'a', MODEL_NAME: 'b' }, ['MODEL and MODEL_NAME exclude each other']],
    [{ INFERENCE_API_KEY: 'k' }, ['INFERENCE_API_KEY is of no use without INFERENCE_URL']],
    [{ INFERENCE_URL: 'http://v', ENGINE_THREADS: '2' }, ['ENGINE_THREADS and INFERENCE_URL exclude each other']],
  ])('%j contradicts itself', (environment, problems) => {
    expect(serverProblems({ ...SERVERS, ...environment } as Record<string, string>)).toEqual(problems);
  });

  test.each([
    ['DATABASE_URLS', 'mysql://a/b'],
    ['DATABASE_URLS', 'postgresql://a/b;weight=0'],
    ['DATABASE_URLS', 'postgresql://secret@a/b|'],
    ['RABBITMQ_URI', 'http://a'],
    ['REDIS_STATE_URL', 'redis://a,b'],
    ['REDIS_STATE_URL', 'redis+sentinel://a:1,b:2'],
    ['REDIS_CACHE_URL', 'redis+other://a'],
    ['INFERENCE_URL', 'vllm:8000'],
    ['REDIS_POOL_SIZE', '3'],
    ['REDIS_HOST', 'redis://a'],
    ['REDIS_PORT', '70000'],
    ['MAX_CONCURRENT', '0'],
    ['API_WORKERS', '65'],
    ['API_REPLICAS', '0'],
    ['WORKER_PORT', '70000'],
    ['DIRECTORY_URL', 'mysql://a/b'],
  ])('%s=%s is refused by name', (name, text) => {
    const [problem, ...more] = serverProblems({ ...SERVERS, [name]: text });
    expect(problem).toMatch(new RegExp(`^${name} \\(environment\\): .* is not `));
    expect(problem).not.toContain('secret');
    expect(more).toEqual([]);
  });

  test('everything on one machine refuses what it would ignore', () => {
    expect(problemsOf({ environment: DATABASES })).toEqual([
      'DATABASE_URLS is for many machines: say which role, `api` or `worker`, or leave it out',
    ]);
    for (const [name, text] of Object.entries({ REDIS_HOST: 'r', REDIS_POOL_SIZE: '4', API_WORKERS: '2' })) {
      expect(problemsOf({ environment: { [name]: text } })[0]).toMatch(new RegExp(`^${name} is for many machines`));
    }
  });
});
