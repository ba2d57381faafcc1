import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { DeploymentFailed, followDeployment } from '../../src/adapters/ray/follow-deployment.ts';
import { parseModelDeployment } from '../../src/adapters/ray/model-deployment.ts';
import { type ApplicationDetails, applyServe } from '../../src/adapters/ray/serve-api.ts';
import { renderApplication } from '../../src/adapters/ray/serve-config.ts';
import { buildConfig } from '../../src/config/config.ts';
import { readSettings } from '../../src/config/env.ts';
import { EXIT_CODES, exitFor } from '../../src/config/exit-codes.ts';
import { rayConfig } from '../../src/config/ray-config.ts';
import { runDeploy } from '../../src/roles/deploy/deploy.ts';
import { startFakeServe } from '../support/fake-serve.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const MODELS = fileURLToPath(new URL('../../deploy/models', import.meta.url));
let folder: string;
let model: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'chatterbot-deploy-'));
  model = join(folder, 'fake.yaml');
  writeFileSync(model, 'model: fake\nsource: someone/fake\nquantization: awq\nreplicas: { min: 1, max: 2 }\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Ended = { code: number; out: string; err: string };

/** The command, in this process. */
async function deploy(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const given = readSettings({ flags: [], environment, dotEnv: null });
  const store = () => buildConfig(given, { workingDirectory: folder, isTerminal: false }, 'store');
  const written = { out: '', err: '' };
  const take = (to: keyof typeof written) => (text: string | Uint8Array) => {
    written[to] += text;
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(take('out')),
    vi.spyOn(process.stderr, 'write').mockImplementation(take('err')),
  ];
  let code = 0;
  try {
    await runDeploy({ ray: () => rayConfig(given), store }, args, new AbortController().signal);
  } catch (error) {
    const { kind, line } = exitFor(error);
    written.err += line;
    code = EXIT_CODES[kind].code;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return { code, ...written };
}

const replica = (state: string) => ({
  replica_id: 'r1',
  state,
  node_ip: '10.0.0.7',
  log_file_path: '/serve/replica_fake.log',
});
const deployments = (state: string, status = 'UPDATING', message = ''): ApplicationDetails['deployments'] => ({
  'LLMServer:fake': { status, message, target_num_replicas: 1, replicas: [replica(state)] },
});
const OTHER = {
  status: 'RUNNING',
  message: '',
  route_prefix: '/other',
  deployed_app_config: { name: 'other', route_prefix: '/other', import_path: 'other:app', args: { kept: true } },
  deployments: {},
} as const satisfies ApplicationDetails;

describe('deploy', () => {
  test('shows the configuration, applies it, follows it, and ends with the first token', async () => {
    await using upstream = await startFakeUpstream();
    await using serve = await startFakeServe({
      script: [
        { status: 'DEPLOYING' },
        { status: 'DEPLOYING', deployments: deployments('STARTING') },
        { status: 'RUNNING', deployments: deployments('RUNNING', 'HEALTHY') },
      ],
      before: { http_options: { host: '10.0.0.1', port: 8000 }, applications: { other: OTHER } },
      token: 'secret-token',
    });
    const { code, out, err } = await deploy(['--model', model, '--serve-url', upstream.url, '--replicas', '2:5'], {
      RAY_ADDRESS: serve.url,
      RAY_AUTH_TOKEN: 'secret-token',
    });
    expect(err).toContain(`INFERENCE_URL=${upstream.url}/v1`);
    expect(code).toBe(0);
    const [applied] = serve.taken;
    expect(applied!.http_options).toEqual({ host: '10.0.0.1', port: 8000 });
    expect(applied!.applications).toMatchObject([
      OTHER.deployed_app_config,
      {
        name: 'fake',
        route_prefix: '/',
        import_path: 'ray.serve.llm:build_openai_app',
        args: {
          llm_configs: [
            {
              model_loading_config: { model_id: 'fake', model_source: 'someone/fake' },
              engine_kwargs: { tensor_parallel_size: 1, gpu_memory_utilization: 0.9, quantization: 'awq' },
              deployment_config: {
                max_ongoing_requests: 32,
                max_queued_requests: 64,
                graceful_shutdown_timeout_s: 120,
                autoscaling_config: { min_replicas: 2, max_replicas: 5, target_ongoing_requests: 16 },
              },
              experimental_configs: { stream_batching_interval_ms: 0 },
            },
          ],
        },
      },
    ]);
    expect(parse(out).applications).toEqual(applied!.applications.slice(1));
    for (const word of [
      'other there: left as it is',
      'deploying: LLMServer:fake 0 of 1 (1 starting)',
      'running: LLMServer:fake 1 of 1',
      'it answers',
    ]) {
      expect(err).toContain(word);
    }
    expect(out + err).not.toContain('secret-token');
  });

  test('says what failed by the last words of its trace, and where more of it stands', async () => {
    const trace = `The deployment failed to start 3 times in a row. Error:\n${'  File "x.py"\n'.repeat(40)}ValueError: No GPU`;
    await using serve = await startFakeServe({
      script: [
        { status: 'DEPLOYING' },
        {
          status: 'DEPLOY_FAILED',
          message: "Failed to update the deployments ['LLMServer:fake'].",
          deployments: deployments('STOPPING', 'DEPLOY_FAILED', trace),
        },
      ],
    });
    const { code, err } = await deploy(['--model', model], { RAY_ADDRESS: serve.url });
    expect(code).toBe(9);
    for (const word of [
      'fake: Ray could not start it',
      "Failed to update the deployments ['LLMServer:fake'].",
      'LLMServer:fake is DEPLOY_FAILED',
      'ValueError: No GPU',
      'at 10.0.0.7 writes to /tmp/ray/session_latest/logs/serve/replica_fake.log',
      `see ${serve.url}/#/serve/applications/fake`,
    ]) {
      expect(err).toContain(word);
    }
    expect(err.split('\n').length).toBeLessThan(30);
  });

  test('gives up at its deadline', async () => {
    await using serve = await startFakeServe({
      script: [{ status: 'DEPLOYING', deployments: deployments('STARTING') }],
    });
    const { code, err } = await deploy(['--model', model, '--timeout', '1'], { RAY_ADDRESS: serve.url });
    expect(code).toBe(9);
    expect(err).toContain('fake: it does not run after 1 s');
    expect(err).toContain('LLMServer:fake is UPDATING');
  });

  test('a cluster that is away, one that refuses the key, and one that refuses the configuration', async () => {
    const gone = await startFakeServe();
    await gone[Symbol.asyncDispose]();
    const away = await deploy(['--model', model], { RAY_ADDRESS: gone.url });
    expect(away.code).toBe(9);
    expect(away.err).toContain(`Ray's dashboard at ${gone.url} cannot be reached: connect ECONNREFUSED`);

    await using locked = await startFakeServe({ token: 'a' });
    const denied = await deploy(['--model', model], { RAY_ADDRESS: locked.url });
    expect(denied).toMatchObject({ code: 9, out: '' });
    expect(denied.err).toContain('set RAY_AUTH_TOKEN');

    await using strict = await startFakeServe({
      refusal: { status: 400, text: '1 validation error for ServeDeploySchema' },
    });
    const refused = await deploy(['--model', model], { RAY_ADDRESS: strict.url });
    expect(refused.code).toBe(9);
    expect(refused.err).toContain('Ray refuses this configuration (400): 1 validation error for ServeDeploySchema');
  });

  test('sends nothing that it can refuse itself', async () => {
    await using serve = await startFakeServe({ before: { applications: { taken: { ...OTHER, route_prefix: '/' } } } });
    const cases = [
      [['--model', model, '--quantization', 'aqw'], 'vLLM has no quantization "aqw"; did you mean awq?'],
      [['--model', model, '--replicas', '3:1'], '--replicas: "3:1" is not MIN:MAX'],
      [['--model', model, '--lora', '/home/me/adapters'], 'lora.path must begin with s3://'],
      [['--model', 'llama-2-7b-aqw'], 'no such model; did you mean llama-2-7b-awq?'],
      [['--model', model, '--init-db'], 'DATABASE_URLS'],
      [['--model', model], '/ is where taken answers: choose another, such as --route /fake'],
      [['--model', model, '--replica', '1'], '(see deploy --help)'],
    ] as const;
    for (const [args, problem] of cases) {
      const { code, err } = await deploy(args, { RAY_ADDRESS: serve.url });
      expect(err).toContain(problem);
      expect(code).toBe(2);
    }
    expect(serve.taken).toEqual([]);
  });

  test('a dry run needs no cluster, and prints what `serve deploy` takes', async () => {
    const args = ['--model', 'TheBloke/Llama-2-7B-Chat-AWQ', '--quantization', 'awq', '--lora', 's3://bucket/loras'];
    const { stdout } = await run(process.execPath, [MAIN, 'deploy', ...args, '--init-db', '--dry-run'], {
      cwd: folder,
    });
    expect(parse(stdout).applications[0]).toMatchObject({
      name: 'llama-2-7b-chat',
      args: {
        llm_configs: [
          {
            engine_kwargs: { quantization: 'awq', max_model_len: 2048, enable_lora: true, max_loras: 8 },
            lora_config: { dynamic_lora_loading_path: 's3://bucket/loras', max_num_adapters_per_replica: 8 },
          },
        ],
      },
    });
  });

  test('ray://HOST:10001 is the dashboard of that host', async () => {
    const { err } = await deploy(['--model', model], { RAY_ADDRESS: 'ray://127.0.0.9:10001' });
    expect(err).toContain("Ray's dashboard at http://127.0.0.9:8265");
  });
});

describe('following', () => {
  const APPLICATION = { name: 'x', route_prefix: '/', import_path: 'x:app', args: {} };

  async function follow(script: readonly Partial<ApplicationDetails>[], patienceMs: number): Promise<string[]> {
    await using serve = await startFakeServe({ script });
    const dashboard = { url: serve.url, token: null };
    const { signal } = new AbortController();
    const listen = { proxy_location: 'HeadOnly', http_options: { host: '127.0.0.1', port: 8000 } };
    await applyServe(dashboard, { ...listen, applications: [APPLICATION] }, signal);
    const told: string[] = [];
    const times = { lookEveryMs: 1, deadlineMs: 60_000, patienceMs };
    await followDeployment(dashboard, 'x', times, (line) => told.push(line), signal);
    return told;
  }

  test('what is unhealthy may get well again', async () => {
    const unhealthy = { status: 'UNHEALTHY', deployments: deployments('RUNNING', 'UNHEALTHY') } as const;
    const running = { status: 'RUNNING', deployments: deployments('RUNNING', 'HEALTHY') } as const;
    expect(await follow([unhealthy, unhealthy, running], 60_000)).toEqual([
      'unhealthy: LLMServer:fake 1 of 1',
      'running: LLMServer:fake 1 of 1',
    ]);
  });

  test('what stays unhealthy has failed', async () => {
    const error = await follow([{ status: 'UNHEALTHY', message: 'The deployments are UNHEALTHY.' }], 20).catch(
      (e) => e,
    );
    expect(error).toBeInstanceOf(DeploymentFailed);
    expect(error.message).toContain('it stays unhealthy');
    expect(error.details.message).toBe('The deployments are UNHEALTHY.');
  });
});

test.each(readdirSync(MODELS))('deploy/models/%s can be deployed', (name) => {
  const text = readFileSync(join(MODELS, name), 'utf8');
  expect(text).toMatch(/^# /);
  const { args } = renderApplication(parseModelDeployment(text, name), '/');
  expect(args).toMatchObject({ llm_configs: [{ deployment_config: { autoscaling_config: { min_replicas: 1 } } }] });
});

test('everything that is wrong with a file is named', () => {
  const wrong = 'model: a\nquantisation: awq\nrequests: { target: 9, mosst: 8 }\ntensor_parallel: 0\n';
  const error = (() => {
    try {
      return parseModelDeployment(wrong, 'x.yaml');
    } catch (caught) {
      return caught as Error;
    }
  })();
  expect((error as Error).message.split('\n')).toEqual([
    'x.yaml: source is missing',
    'x.yaml: quantisation is not known; did you mean quantization?',
    'x.yaml: tensor_parallel must be >= 1',
    'x.yaml: requests.mosst is not known; did you mean most?',
  ]);
});
