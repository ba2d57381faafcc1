import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Every package with its version, so that none is chosen anew: Ray takes one version of vLLM only. */
const REQUIREMENTS = fileURLToPath(new URL('../python/requirements.txt', import.meta.url));
const SCRIPTS = fileURLToPath(new URL('../python/', import.meta.url));
const SCRIPTS_OF_MODELS = ['make_tiny.py', 'make_awq.py', 'make_lora.py'];
const CACHE = fileURLToPath(new URL('../../../.cache/', import.meta.url));
/** The one that has processor builds of torch where the index given to pip has none. */
const TORCH_INDEX = 'https://download.pytorch.org/whl/cpu';
/** What the packages above are built for. */
const PYTHONS = ['python3.11', 'python3'];
const PYTHON_VERSION = '3.11';

const run = promisify(execFile);
const say = (line: string) => process.stderr.write(`${line}\n`);

/** Folder of an environment with Ray Serve LLM and vLLM for processors: 3 GB, made once. */
export async function rayEnvironment(): Promise<string> {
  const folder = join(CACHE, `python-ray-${hashOf(readFileSync(REQUIREMENTS))}`);
  const done = join(folder, 'complete');
  if (existsSync(done)) return folder;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error("vLLM's packages for processors are there for Linux on x86-64 only");
  }
  // Those of earlier versions take gigabytes each.
  for (const old of readdirSync(CACHE)) {
    if (old.startsWith('python-ray-')) rmSync(join(CACHE, old), { recursive: true, force: true });
  }
  say('Ray Serve and vLLM for processors: 0.8 GB to fetch, 3 GB on disk, a few minutes');
  await run(await findPython(), ['-m', 'venv', folder]);
  const python = join(folder, 'bin', 'python');
  const install = [
    ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'],
    ...['--requirement', REQUIREMENTS],
  ];
  await run(python, install).catch(() => run(python, [...install, '--extra-index-url', TORCH_INDEX]));
  await nameVllm(python);
  writeFileSync(done, '');
  return folder;
}

/** What runs Ray and vLLM on this machine alone, quietly, and on one core each. `mark`: to know its processes by. */
export function rayVariables(folder: string, mark: string): Record<string, string> {
  return {
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    HOME: process.env.HOME ?? '/',
    CHATTERBOT_TEST: mark,
    RAY_USAGE_STATS_ENABLED: '0',
    // Otherwise Ray turns 127.0.0.1 into the machine's own address, and others can reach it.
    RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER: '0',
    HF_HUB_OFFLINE: '1',
    TRANSFORMERS_OFFLINE: '1',
    VLLM_NO_USAGE_STATS: '1',
    DO_NOT_TRACK: '1',
    VLLM_HOST_IP: '127.0.0.1',
    GLOO_SOCKET_IFNAME: 'lo',
    VLLM_CPU_KVCACHE_SPACE: '1',
    VLLM_CPU_OMP_THREADS_BIND: 'nobind',
    OMP_NUM_THREADS: '1',
    PYTHONPATH: SCRIPTS,
    PYTHONDONTWRITEBYTECODE: '1',
  };
}

export type TestModels = { plain: string; awq: string; lora: string };

/** The tiny model, the same in AWQ's form, and an adapter for it; made once. */
export async function testModels(folder: string): Promise<TestModels> {
  const scripts = SCRIPTS_OF_MODELS.map((script) => readFileSync(join(SCRIPTS, script)));
  const models = join(folder, `models-${hashOf(...scripts)}`);
  const paths = { plain: join(models, 'tiny'), awq: join(models, 'tiny-awq'), lora: join(models, 'tiny-lora') };
  const done = join(models, 'complete');
  if (existsSync(done)) return paths;
  rmSync(models, { recursive: true, force: true });
  mkdirSync(models);
  say('Training a tiny model: half a minute');
  const make = (script: string, ...args: string[]) =>
    run(join(folder, 'bin', 'python'), [join(SCRIPTS, script), ...args]);
  await make('make_tiny.py', paths.plain);
  await make('make_awq.py', paths.plain, paths.awq);
  await make('make_lora.py', paths.plain, paths.lora);
  writeFileSync(done, '');
  return paths;
}

/** Names what is made by what it is made from. */
function hashOf(...contents: readonly Buffer[]): string {
  return createHash('sha256').update(Buffer.concat(contents)).digest('hex').slice(0, 12);
}

async function findPython(): Promise<string> {
  for (const python of PYTHONS) {
    const found = await run(python, ['-c', 'import sys, venv; print("%d.%d" % sys.version_info[:2])']).catch(
      () => null,
    );
    if (found?.stdout.trim() === PYTHON_VERSION) return python;
  }
  throw new Error(`Python ${PYTHON_VERSION} with venv is needed: apt-get install python3.11 python3.11-venv`);
}

/** The package is `vllm-cpu`, but vLLM's command asks for the version of one that is called `vllm`. */
async function nameVllm(python: string): Promise<void> {
  const { stdout } = await run(python, [
    '-c',
    'import sysconfig, importlib.metadata as m; print(sysconfig.get_paths()["purelib"]); print(m.version("vllm-cpu"))',
  ]);
  const [packages, version] = stdout.trim().split('\n') as [string, string];
  const folder = join(packages, `vllm-${version}+cpu.dist-info`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'METADATA'), `Metadata-Version: 2.1\nName: vllm\nVersion: ${version}+cpu\n`);
  writeFileSync(join(folder, 'RECORD'), '');
}
