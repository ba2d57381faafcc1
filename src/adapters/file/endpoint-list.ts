import { readFile, rename, writeFile } from 'node:fs/promises';
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';

const endpointSchema = Type.Object({
  id: Type.String(),
  address: Type.String(),
  /** Null: none is sent. */
  key: Type.Union([Type.String(), Type.Null()]),
  api: Type.Enum(['vllm', 'openai']),
  models: Type.Array(Type.Object({ id: Type.String(), served_as: Type.String() }), { minItems: 1 }),
  added_at: Type.String(),
});
const fileSchema = Type.Object({ endpoints: Type.Array(endpointSchema) });
const validator = Compile(fileSchema);

export type ListedEndpoint = Static<typeof endpointSchema>;

/** Added endpoints with their keys, in one file that nobody else may read. */
export class EndpointList {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Rejects where the file is there and not what was written. */
  async read(): Promise<readonly ListedEndpoint[]> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{"endpoints":[]}';
      throw error;
    });
    const content: unknown = JSON.parse(text);
    if (!validator.Check(content)) throw new SyntaxError('it has another form than was written');
    return content.endpoints;
  }

  /** Whole or not at all. */
  async write(endpoints: readonly ListedEndpoint[]): Promise<void> {
    const next = `${this.#path}.next`;
    await writeFile(next, `${JSON.stringify({ endpoints }, null, 2)}\n`, { mode: 0o600, flush: true });
    await rename(next, this.#path);
  }
}
