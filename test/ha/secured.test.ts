import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFile, chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { connect } from 'amqplib';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { giveTo, unprivileged } from '../../src/adapters/postgres/local-folders.ts';
import { freePorts } from '../../src/roles/cluster/free-ports.ts';
import { Part } from '../../src/roles/cluster/part.ts';
import { prepareShard } from '../../src/roles/cluster/postgres.ts';
import { prepareRabbitMq, rabbitMqFolder } from '../../src/roles/cluster/rabbitmq.ts';
import { prepareServer } from '../../src/roles/cluster/server-process.ts';
import { AnswerReader } from '../support/answer-reader.ts';
import { eventually } from '../support/cluster.ts';
import { answerText, startFakeUpstream } from '../support/fake-upstream.ts';
import { call } from '../support/http-client.ts';

const run = promisify(execFile);
/** With what a URL must escape. */
const PASSWORD = 's3cret:/@%word';
const KEY = 'key-of-a-secured-cluster';
const secret = encodeURIComponent(PASSWORD);

/** Every server behind a password and TLS, with a certificate that nobody but the processes' own CA file vouches for. */
const stack = new AsyncDisposableStack();
let folder: string;
let settings: Record<string, string>;
let api: Part;
let worker: Part;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chatterbot-secured-'));
  await chmod(folder, 0o755);
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const [database, state, cache, mapper, plain, distribution, broker, http, door] = (await freePorts(9)) as [
    ...[number, number, number, number, number, number, number, number, number],
  ];
  await makeCertificate();
  await writeFile(at('users.acl'), `user default off\nuser chat on >${PASSWORD} ~* &* +@all\n`);
  const upstream = stack.use(await startFakeUpstream({ length: 60, paceMs: 5 }));
  await Promise.all([
    startDatabase(database),
    startRedis('state', state, ['--appendonly', 'yes'], ['--requirepass', PASSWORD]),
    startRedis('cache', cache, [], ['--aclfile', at('users.acl')]),
    startBroker({ mapper, broker: plain, distribution }, broker),
  ]);
  settings = {
    DATABASE_URLS: `postgresql://chat:${secret}@127.0.0.1:${database}/chatterbot?sslmode=verify-full&sslrootcert=${at('cert.pem')}`,
    REDIS_STATE_URL: `rediss://:${secret}@127.0.0.1:${state}`,
    REDIS_CACHE_URL: `rediss://chat:${secret}@127.0.0.1:${cache}`,
    RABBITMQ_URI: `amqps://chat:${secret}@127.0.0.1:${broker}`,
    NODE_EXTRA_CA_CERTS: at('cert.pem'),
    INFERENCE_URL: upstream.url,
    API_KEYS: `default:${KEY}`,
    LOG_LEVEL: 'debug',
  };
  api = stack.use(prepareServer('api', 'api', folder, http, settings));
  await api.start();
  worker = stack.use(prepareServer('worker', 'worker', folder, door, settings));
  await worker.start();
}, 180_000);
afterAll(() => stack.disposeAsync(), 60_000);

const at = (name: string) => join(folder, name);

async function makeCertificate(): Promise<void> {
  const names = 'subjectAltName=IP:127.0.0.1,DNS:localhost';
  const files = ['-keyout', at('key.pem'), '-out', at('cert.pem')];
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', names],
    ...files,
  ]);
}

async function startDatabase(port: number): Promise<void> {
  const { primary } = await prepareShard('shard-1', folder, { primary: port, replica: null });
  stack.use(primary);
  const data = join(folder, 'shard-1', 'data');
  const runAs = await unprivileged();
  for (const name of ['cert.pem', 'key.pem']) {
    await copyFile(at(name), join(data, name));
    await chmod(join(data, name), 0o600);
    await giveTo(join(data, name), runAs);
  }
  await primary.start();
  const admin = new pg.Client({ connectionString: primary.spec.address! });
  await admin.connect();
  try {
    await admin.query(`CREATE ROLE chat LOGIN PASSWORD '${PASSWORD}'`);
    await admin.query('GRANT ALL ON DATABASE chatterbot TO chat');
    await admin.query('ALTER DATABASE chatterbot OWNER TO chat');
    await admin.query(`ALTER SYSTEM SET ssl_cert_file = 'cert.pem'`);
    await admin.query(`ALTER SYSTEM SET ssl_key_file = 'key.pem'`);
    await admin.query('ALTER SYSTEM SET ssl = on');
    const access = join(data, 'pg_hba.conf');
    const rules = 'hostssl all chat 127.0.0.1/32 scram-sha-256\nhostnossl all chat 127.0.0.1/32 reject\n';
    await writeFile(access, rules + (await readFile(access, 'utf8')));
    await admin.query('SELECT pg_reload_conf()');
  } finally {
    await admin.end();
  }
}

async function startRedis(name: string, port: number, options: string[], access: string[]): Promise<void> {
  await mkdir(at(name));
  const tls = [
    '--tls-cert-file',
    at('cert.pem'),
    '--tls-key-file',
    at('key.pem'),
    '--tls-ca-cert-file',
    at('cert.pem'),
  ];
  const redis = stack.use(
    new Part({
      name,
      kind: 'redis',
      address: null,
      command: [
        ...['redis-server', '--bind', '127.0.0.1', '--port', '0', '--tls-port', `${port}`, '--dir', at(name)],
        ...['--save', '', '--tls-auth-clients', 'no', ...tls, ...options, ...access],
      ],
      log: join(at(name), 'log'),
      pidFile: join(at(name), 'pid'),
      stopSignal: 'SIGTERM',
      stopWithinMs: 5_000,
      isReady: async () => {
        const { promise, resolve, reject } = Promise.withResolvers<boolean>();
        const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', reject);
        return await promise;
      },
    }),
  );
  await redis.start();
}

async function startBroker(
  ports: { mapper: number; broker: number; distribution: number },
  tls: number,
): Promise<void> {
  const made = await prepareRabbitMq(rabbitMqFolder()!, folder, ports);
  const options = {
    default_user: 'chat',
    default_pass: PASSWORD,
    'listeners.ssl.1': `127.0.0.1:${tls}`,
    'ssl_options.cacertfile': at('cert.pem'),
    'ssl_options.certfile': at('cert.pem'),
    'ssl_options.keyfile': at('key.pem'),
    'ssl_options.verify': 'verify_none',
  };
  const lines = Object.entries(options).map(([name, value]) => `${name} = ${value}\n`);
  await appendFile(join(folder, 'rabbitmq', 'rabbitmq.conf'), lines.join(''));
  const broker = new Part({
    ...made.broker.spec,
    isReady: async () => {
      const uri = `amqps://chat:${secret}@127.0.0.1:${tls}`;
      const connection = await connect(uri, { rejectUnauthorized: false, timeout: 5_000 });
      connection.on('error', () => {});
      await connection.close();
      return true;
    },
  });
  stack.use(made.mapper);
  stack.use(broker);
  await made.mapper.start();
  await broker.start();
}

test('an answer goes all the way, and every server is up', async () => {
  const message = `hello ${randomUUID()}`;
  const body = { user_id: 'ada', message, max_tokens: 60 };
  const url = api.spec.address!;
  const sent = await call(url, 'POST', '/stream-chat', { key: KEY, body });
  expect(sent.status).toBe(200);
  const reader = await new AnswerReader({ url, key: KEY }, sent.json.correlation_id).follow();
  expect(reader.text.toString()).toBe(answerText(message, 60));
  expect(reader.receipts[0]).toMatchObject({ state: 'done', lane: 'stream' });
  for (const server of [api, worker]) {
    const { json } = await call(server.spec.address!, 'GET', '/health', { key: KEY });
    expect(json.dependencies.map(({ status }: { status: string }) => status)).not.toContain('down');
    expect(json.status).toBe('healthy');
  }
});

test('a wrong password, and a certificate that nobody vouches for, are named, and no password is told', async () => {
  const [port, other] = (await freePorts(2)) as [number, number];
  const wrong = (url: string) => url.replace(secret, 'another-s3cret');
  await using mistaken = prepareServer('worker', 'mistaken', folder, port, {
    ...settings,
    REDIS_STATE_URL: wrong(settings.REDIS_STATE_URL!),
    RABBITMQ_URI: wrong(settings.RABBITMQ_URI!),
  });
  void mistaken.start().catch(() => {});
  const report = await eventually('it says what is down', async () => {
    const { json } = await call(mistaken.spec.address!, 'GET', '/health');
    return json.components?.redis === 'down' && json.components?.rabbitmq === 'down' ? json : null;
  });
  expect(report.detail).toMatch(/redis-state/);
  expect(report.detail).toMatch(/rabbitmq/);

  await using suspicious = prepareServer('worker', 'suspicious', folder, other, {
    ...settings,
    NODE_EXTRA_CA_CERTS: '',
    DATABASE_URLS: wrong(settings.DATABASE_URLS!),
  });
  void suspicious.start().catch(() => {});
  await eventually('it says what it waits for', async () =>
    (await readFile(suspicious.spec.log, 'utf8')).includes('waiting for the databases'),
  );
  for (const { spec } of [api, worker, mistaken, suspicious]) {
    const log = await readFile(spec.log, 'utf8');
    for (const each of [PASSWORD, secret, 's3cret'])
      expect([spec.name, log.includes(each)]).toEqual([spec.name, false]);
  }
});
