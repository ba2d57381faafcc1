import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EmbeddedServer } from '../support/embedded-server.ts';
import { ask, expectWhole, follow } from './expect-whole.ts';

test('the files of the token log deleted in the middle of an answer, and again before a kill', async () => {
  await using server = await EmbeddedServer.start({ ENGINE_PACE_MS: 20 });
  await server.modelIsReady();
  const folder = join(server.dataDir, 'token-log');
  const deleteAll = async () => {
    const files = await readdir(folder);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) await rm(join(folder, file), { force: true });
  };
  const ids = await Promise.all(['ann', 'bob'].map((user_id) => ask(server, { user_id, max_tokens: 70 })));
  const readers = ids.map((id) => follow(server, id));
  await Promise.all(readers.map((reader) => reader.hasBytes(30)));
  await deleteAll();
  // One that begins now, and one that comes back.
  const late = ids.map((id) => follow(server, id));
  readers[0]!.drop();
  for (const [index, id] of ids.entries()) await expectWhole(server, id, [readers[index]!, late[index]!]);

  const cut = await ask(server, { user_id: 'cyd', max_tokens: 60 });
  const reader = follow(server, cut);
  await reader.hasBytes(30);
  await deleteAll();
  await server.kill();
  await server.start();
  await expectWhole(server, cut, [reader]);
});
